#!/usr/bin/env bash
# Runs what is in deploy/ as far as one machine without Docker and without a systemd of its own can:
#   tests/deploy.sh
# units: checked by systemd-analyze; their commands run as written; server and commands below the units' filter of
#        system calls (Debian's python3-seccomp)
# image: the server with the Dockerfile's environment and user, in a root that holds nothing but it and its libraries
#        and is read-only (bwrap)
# proxy: nginx with deploy/nginx.conf, and Caddy as compose.yaml calls it, with TLS in front of a server
# ci:    the steps of both recipes with real npm packages (node, npm, PyYAML)
# What is not installed is told and left out. Wants root, bash, curl, bwrap and openssl; BIN names a directory with
# `hashserver` and `hashget` (default: the debug build).
set -euo pipefail
cd "$(dirname "$0")/.."
[ -n "${BIN:-}" ] || cargo build -q -p hashget-server -p hashget --bins
bin=$(realpath "${BIN:-${CARGO_TARGET_DIR:-target}/debug}")
work=$(mktemp -d)
# The sandboxes' user has to get there.
chmod 755 "$work"
pids=()
clean() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait
    rm -rf "$work"
}
trap clean EXIT
say() { printf '\n=== %s\n' "$*"; }
has() {
    for program in "$@"; do
        command -v "$program" >/dev/null || { echo "left out: no $program"; return 1; }
    done
}
# The address that a server tells in the file $1.
address() {
    until grep -q '^listening on ' "$1"; do kill -0 "$2"; sleep 0.1; done
    sed -n 's/^listening on //p' "$1"
}
# Publishes, puts a file, reads, and looks at a page, by the URL $1 with the token $2.
exercise() {
    local url=$1 token=$2
    shift 2
    head -c 3000000 /dev/urandom >"$work/file"
    local sum
    sum=$(sha256sum "$work/file" | sed -E 's,^(..)(..)(..)([0-9a-f]{58}).*,\1/\2/\3/\4,')
    local ask=(curl -fsS "$@" -H "Authorization: Bearer $token")
    "${ask[@]}" -T "$work/file" "${url}pool/sha256/$sum"
    "${ask[@]}" "${url}pool/sha256/$sum" | cmp - "$work/file"
    "${ask[@]}" "${url}api/v1/packages" -d "{\"project\": \"p\", \"packages\": [
        {\"url\": \"http://example.org/a.deb\", \"hashes\": [\"sha256:${sum//\//}\"]},
        {\"url\": \"http://example.org/old.deb\", \"expires\": \"2020-01-01\"}]}" >/dev/null
    "${ask[@]}" "${url}api/v1/lookup" -d "{\"digests\": [\"${sum//\//}\"]}" | grep a.deb >/dev/null
    "${ask[@]}" "${url}?q=a.deb" | grep '1 package\.' >/dev/null
    "${ask[@]}" "${url}readyz" | grep '"writable":true' >/dev/null
}

say "units"
if has systemd-analyze; then
    mkdir "$work/units"
    for unit in deploy/systemd/*.{service,timer}; do
        sed "s#/usr/bin/hashserver#$bin/hashserver#" "$unit" >"$work/units/${unit##*/}"
    done
    systemd-analyze verify "$work"/units/*
    for unit in "$work"/units/*.service; do
        systemd-analyze security --offline=true --no-pager --threshold=12 "$unit" | tail -n 1
    done
fi
if has systemd-sysusers; then
    mkdir -p "$work/etc-root/etc"
    systemd-sysusers --root="$work/etc-root" "$PWD/deploy/systemd/hashserver.sysusers"
    grep '^hashserver:' "$work/etc-root/etc/passwd"
fi

say "the server and the units' commands, below the units' limits"
if has bwrap && /usr/bin/python3 -c 'import seccomp' 2>/dev/null; then
    install -d -o 65532 -g 65532 -m 700 "$work/state" "$work/backup"
    below() { /usr/bin/python3 tests/deploy/sandbox.py "$@"; }
    below deploy/systemd/hashserver.service "$work/state" -- "$bin/hashserver" --listen 127.0.0.1:0 --data "$work/state" \
        --open-reading false --check-interval-seconds 1 --filter-interval-seconds 1 >"$work/below.out" 2>"$work/below.log" &
    below=$!
    pids+=("$below")
    url=$(address "$work/below.out" "$below")
    # Made by root on a directory that belongs to the server's user, as the README says.
    token=$("$bin/hashserver" token add --scope admin --data "$work/state" 2>/dev/null)
    exercise "$url" "$token"
    for name in purge backup; do
        HASHGET_TOKEN=$token python3 tests/deploy/unit_command.py "deploy/systemd/hashserver-$name.service" \
            "/usr/bin/hashserver=$bin/hashserver" "http://127.0.0.1:8700/=$url" "/usr/bin/curl=$(command -v curl)" |
            while IFS= read -r -d '' line; do
                HASHGET_TOKEN=$token STATE_DIRECTORY=$work/backup \
                    below "deploy/systemd/hashserver-$name.service" "$work/backup" -- /bin/sh -c "$line"
            done
        echo
    done
    grep -q http://example.org/a.deb "$work"/backup/records-*.jsonl
    if grep old.deb "$work"/backup/records-*.jsonl; then exit 1; fi
    curl -fsS "${url}metrics" -H "Authorization: Bearer $token" | grep '^hashserver_disk_free_bytes [1-9]' >/dev/null
    # A server that is told to stop closes its store and says that all is well.
    kill -TERM "$(pgrep -f "^$bin/hashserver --listen 127.0.0.1:0 --data $work/state")"
    wait "$below"
    "$bin/hashserver" check --data "$work/state"
    if grep -iE 'panicked|permitted' "$work/below.log"; then exit 1; fi
else
    echo "left out: wants bwrap and python3-seccomp"
fi

say "image"
if has bwrap; then
    install -d -o 65532 -g 65532 -m 700 "$work/data"
    libraries=()
    while read -r library; do libraries+=(--ro-bind "$library" "$library"); done \
        < <(ldd "$bin/hashserver" | grep -o '/[^ ]*')
    image() {
        # shellcheck disable=SC2046
        setpriv --reuid=65532 --regid=65532 --clear-groups -- bwrap --unshare-user --uid 65532 --gid 65532 --unshare-pid --unshare-ipc --cap-drop ALL --die-with-parent \
            "${libraries[@]}" --ro-bind "$bin/hashserver" /usr/bin/hashserver --bind "$work/data" /data --proc /proc --dev /dev \
            --tmpfs /tmp --remount-ro / --clearenv \
            $(sed -n 's/^ENV //p' deploy/Dockerfile | tr ' ' '\n' | sed 's/^/--setenv /; s/=/ /') "$@"
    }
    image --setenv HASHSERVER_LISTEN 127.0.0.1:0 /usr/bin/hashserver >"$work/image.out" 2>"$work/image.log" &
    pids+=($!)
    url=$(address "$work/image.out" $!)
    token=$(image /usr/bin/hashserver token add --scope admin 2>/dev/null)
    exercise "$url" "$token"
    echo "the root is read-only, and the server serves"
fi

say "proxy"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=hashserver.example.org -addext 'subjectAltName=DNS:hashserver.example.org' \
    -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
"$bin/hashserver" --listen 127.0.0.1:0 --data "$work/behind" --trusted-proxies 127.0.0.1 \
    --access-log "$work/access.log" >"$work/behind.out" 2>/dev/null &
pids+=($!)
url=$(address "$work/behind.out" $!)
token=$("$bin/hashserver" token add --scope admin --data "$work/behind" 2>/dev/null)
origin=${url#http://}
origin=${origin%/}
# A free port: what the system has just given to somebody who has ended.
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
through() {
    exercise "https://hashserver.example.org:$1/" "$token" --cacert "$2" --resolve "hashserver.example.org:$1:127.0.0.1" \
        --retry 50 --retry-connrefused --retry-delay 1 -H 'X-Forwarded-For: 198.51.100.7'
    # The client is on this machine, which is trusted here: nginx hands on what it says, Caddy does not.
    grep -q "\"client\":\"$3\"" "$work/access.log"
    : >"$work/access.log"
}
if has nginx; then
    tls=$(port)
    {
        printf 'daemon off; pid %s/nginx.pid; error_log %s/nginx.log;\nevents {}\nhttp {\naccess_log off;\n' "$work" "$work"
        for kind in client_body proxy fastcgi uwsgi scgi; do echo "${kind}_temp_path $work/$kind;"; done
        sed "s#127.0.0.1:8700#$origin#; s#listen 443#listen 127.0.0.1:$tls#; s#listen 80#listen 127.0.0.1:$(port)#; /listen \[/d
            s#/etc/letsencrypt/live/[^/]*/fullchain.pem#$work/cert.pem#; s#/etc/letsencrypt/live/[^/]*/privkey.pem#$work/key.pem#" \
            deploy/nginx.conf
        echo '}'
    } >"$work/nginx.conf"
    nginx -t -q -c "$work/nginx.conf"
    nginx -c "$work/nginx.conf" &
    pids+=($!)
    through "$tls" "$work/cert.pem" 198.51.100.7
    echo "nginx: fine"
fi
# In a network of its own, for Caddy listens on all addresses, and on port 80 as well; and where it cannot put its
# authority among those that this machine trusts.
behind_caddy() {
    "$bin/hashserver" --listen 127.0.0.1:8700 --data "$work/behind-caddy" --trusted-proxies 127.0.0.1 \
        --access-log "$work/access.log" >"$work/behind.out" 2>/dev/null &
    address "$work/behind.out" $! >/dev/null
    token=$("$bin/hashserver" token add --scope admin --data "$work/behind-caddy" 2>/dev/null)
    local proxy
    proxy=$(sed -n 's/^ *command: caddy //p' deploy/compose.yaml | sed "s#--to [^ ]*#--to 127.0.0.1:8700#")
    # shellcheck disable=SC2086
    XDG_DATA_HOME=$work/caddy XDG_CONFIG_HOME=$work/caddy caddy $proxy --internal-certs >"$work/caddy.log" 2>&1 &
    local authority=$work/caddy/caddy/pki/authorities/local/root.crt
    until [ -s "$authority" ]; do kill -0 $! || { cat "$work/caddy.log"; exit 1; }; sleep 0.1; done
    through 443 "$authority" 127.0.0.1
    kill %1 %2
}
if has caddy bwrap; then
    export -f behind_caddy address through exercise
    export bin work
    bwrap --ro-bind / / --dev /dev --proc /proc --bind "$work" "$work" --unshare-net --unshare-pid --die-with-parent \
        bash -euo pipefail -c behind_caddy
    echo "caddy: fine"
fi

say "ci"
if has node npm && python3 -c 'import yaml' 2>/dev/null; then
    mkdir "$work/ci"
    python3 tests/deploy/ci.py "$bin" "$work/ci" >"$work/ci.log" 2>&1 || { cat "$work/ci.log"; exit 1; }
    grep -E '^(github|gitlab): ' "$work/ci.log"
else
    echo "left out: wants node, npm and PyYAML"
fi
say "fine"
