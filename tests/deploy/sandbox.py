"""Runs a command below the limits of a unit, as far as bwrap can set them: another user, everything read-only but one
directory, no capabilities, and the unit's filters of system calls, address families and executable memory.

    sandbox.py UNIT DIRECTORY -- COMMAND...
"""

import os
import re
import socket
import subprocess
import sys

import seccomp

UNIT, DIRECTORY, COMMAND = sys.argv[1], sys.argv[2], sys.argv[4:]
PROT_WRITE, PROT_EXEC = 2, 4


def calls(name):
    """The system calls of a set, with those of the sets in it."""
    if not name.startswith("@"):
        return {name}
    told = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True)
    lines = [line.strip() for line in told.stdout.splitlines()[1:]]
    return set().union(*(calls(line) for line in lines if line and not line.startswith("#")))


def allowed(text):
    """What the lines of SystemCallFilter= let through: the first is a list, the others take away."""
    first, *others = re.findall(r"^SystemCallFilter=(.*)$", text, re.M)
    left = set().union(*(calls(name) for name in first.split()))
    for other in others:
        assert other.startswith("~"), other
        left -= set().union(*(calls(name) for name in other[1:].split()))
    return left | calls("@default")


def make_filter(text):
    assert "MemoryDenyWriteExecute=yes" in text and "RestrictAddressFamilies=AF_INET AF_INET6" in text
    made = seccomp.SyscallFilter(seccomp.ERRNO(1))
    # bwrap starts the command with it.
    for name in allowed(text) - {"mmap", "mprotect", "pkey_mprotect", "socket"} | {"execve"}:
        try:
            made.add_rule(seccomp.ALLOW, name)
        except RuntimeError:
            pass  # Of another processor.
    for bit in (PROT_WRITE, PROT_EXEC):
        made.add_rule(seccomp.ALLOW, "mmap", seccomp.Arg(2, seccomp.MASKED_EQ, bit, 0))
    for name in ("mprotect", "pkey_mprotect"):
        made.add_rule(seccomp.ALLOW, name, seccomp.Arg(2, seccomp.MASKED_EQ, PROT_EXEC, 0))
    for family in (socket.AF_INET, socket.AF_INET6):
        made.add_rule(seccomp.ALLOW, "socket", seccomp.Arg(0, seccomp.EQ, int(family)))
    return made


with open(UNIT) as unit:
    made = make_filter(unit.read())
program = os.memfd_create("filter", 0)
with os.fdopen(os.dup(program), "wb") as file:
    made.export_bpf(file)
os.lseek(program, 0, os.SEEK_SET)
os.set_inheritable(program, True)
os.execvp("setpriv", [
    "setpriv", "--reuid=65532", "--regid=65532", "--clear-groups", "--no-new-privs", "--",
    "bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/home", "--bind", DIRECTORY, DIRECTORY,
    "--unshare-user", "--uid", "65532", "--gid", "65532", "--unshare-ipc", "--cap-drop", "ALL", "--die-with-parent",
    "--seccomp", str(program), "--", *COMMAND,
])
