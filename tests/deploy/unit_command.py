"""Prints the commands of a unit, as systemd understands them, as lines for a shell with a zero byte behind each.

    unit_command.py UNIT OLD=NEW...: with each text OLD replaced.
"""

import re
import shlex
import sys

for line in open(sys.argv[1]):
    found = re.match(r"(ExecStart|ExecStartPost)=(.*)", line)
    if not found:
        continue
    command = found[2].replace("%%", "%")
    # Quotes hold one argument, in which backslashes are as in C (systemd.service(5), "Command lines").
    words = re.findall(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\s'\"]+", command)
    words = [re.sub(r"\\(.)", r"\1", word[1:-1]) if word[0] in "'\"" else word for word in words]
    line = " ".join(word if re.fullmatch(r"\$\{\w+\}", word) else shlex.quote(word) for word in words)
    for change in sys.argv[2:]:
        line = line.replace(*change.split("=", 1))
    sys.stdout.write(line + "\0")
