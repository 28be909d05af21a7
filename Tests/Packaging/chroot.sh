#!/usr/bin/env bash
# Installs the Debian package in a fresh system, has it serve as its own user, and removes it again:
# Tests/Packaging/chroot.sh PACKAGE.deb [FOLDER]. As root; needs debootstrap and a mirror (DEBIAN_MIRROR). FOLDER keeps
# the fresh system for the next time. Takes a minute or two, so it is no part of ./test.sh.
set -euo pipefail
[ $# -ge 1 ] || { printf 'usage: Tests/Packaging/chroot.sh PACKAGE.deb [FOLDER]\n' >&2; exit 64; }
package=$(realpath "$1")
release=${DEBIAN_RELEASE:-bookworm}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
[ "$(id -u)" = 0 ] || { printf 'chroot.sh: chroot(2) needs root\n' >&2; exit 69; }

work=$(mktemp -d)
base=${2:-$work/base}
root=$work/root
node=""
finish() {
    [ -z "$node" ] || kill "$node" 2>/dev/null || true
    mountpoint -q "$root/proc" && umount "$root/proc"
    rm -rf "$work"
}
trap finish EXIT

step() { printf -- '- %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive "$@"; }
# All files that somebody could miss or find too many; what apt and dpkg keep for themselves is left out.
files() {
    (cd "$root" && find . -path ./proc -prune -o -path ./run -prune -o -path ./dev -prune -o -path ./tmp -prune \
        -o -path ./var/cache -prune -o -path ./var/lib/apt -prune -o -path ./var/lib/dpkg -prune \
        -o -path ./var/log -prune -o -print | sort)
}

if [ ! -d "$base/usr" ]; then
    step "a fresh $release"
    debootstrap --variant=minbase "$release" "$base" "$mirror" >"$work/debootstrap.log" ||
        { tail -n 20 "$work/debootstrap.log" >&2; exit 1; }
fi
cp -a "$base" "$root"
mount -t proc proc "$root/proc"
[ ! -e "$root/usr/bin/sluice" ] || fail "the system has a sluice already"
cp /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
step "what it depends on"
inside apt-get update -q >/dev/null
# First the others alone, so that what is there afterwards and was not before is the package's own.
depends=$(dpkg-deb --field "$package" Depends | sed -E 's/\([^)]*\)//g; s/,/ /g')
# shellcheck disable=SC2086
inside apt-get install -y -q --no-install-recommends $depends >/dev/null 2>&1
files >"$work/before"

step "apt-get install"
cp "$package" "$root/tmp/package.deb"
inside apt-get install -y -q --no-install-recommends /tmp/package.deb >"$work/install.log" 2>&1 ||
    { cat "$work/install.log" >&2; fail "it can't be installed"; }
grep -q "/etc/sluice/sluice.env" "$work/install.log" || fail "nothing says where the settings are"
inside getent passwd sluice >/dev/null || fail "there is no user sluice"
[ "$(stat -c %a "$root/etc/sluice/sluice.env")" = 600 ] || fail "others can read the settings"
inside ldd /usr/bin/sluice | grep -q "not found" && fail "libraries are missing: $(inside ldd /usr/bin/sluice)"

step "the example of every setting is in force with none"
grep -vE '^(#|$)' "$root/etc/sluice/sluice.env" && fail "a setting is in force"

step "serve as the user sluice"
# A port that nobody has now: the chroot shares the network.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
chroot --userspec=sluice:sluice "$root" env -i PATH=/usr/bin PORT="$port" HOST=127.0.0.1 DRAIN_SECONDS=0 \
    /usr/bin/sluice serve 2>"$work/log" &
node=$!
for _ in $(seq 100); do
    ! inside sluice health "http://127.0.0.1:$port" >"$work/health" 2>/dev/null || break
    kill -0 "$node" 2>/dev/null || { cat "$work/log" >&2; fail "it does not serve"; }
    sleep 0.1
done
grep -q '"status":"ok"' "$work/health" || fail "/health says $(cat "$work/health")"
cat "$work/health"
[ "$(ps -o uid= -p "$node" | tr -d ' ')" = "$(inside id -u sluice)" ] || fail "it runs as another user"
kill -TERM "$node"
status=0
wait "$node" || status=$?
node=""
[ "$status" = 0 ] || fail "the drain ended with $status"

step "the same package again, as an upgrade; a setting that was changed stays"
echo 'PORT=8765' >>"$root/etc/sluice/sluice.env"
inside dpkg --force-confold -i /tmp/package.deb >/dev/null 2>&1 || fail "it can't be upgraded"
grep -q '^PORT=8765' "$root/etc/sluice/sluice.env" || fail "the setting is gone"

step "remove: the settings stay"
inside apt-get remove -y -q sluice >/dev/null 2>&1 || fail "it can't be removed"
[ ! -e "$root/usr/bin/sluice" ] && [ -f "$root/etc/sluice/sluice.env" ] || fail "removing took too little or too much"

step "purge: nothing stays"
inside apt-get purge -y -q sluice >/dev/null 2>&1 || fail "it can't be purged"
inside getent passwd sluice >/dev/null && fail "the user stays"
files >"$work/after"
# The tools of users keep the former version of their files, and locks.
known='^\./etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$|\.lock$'
diff <(grep -vE "$known" "$work/before") <(grep -vE "$known" "$work/after") || fail "it left the files above"
printf 'The package installs, serves, upgrades, and goes without a trace.\n'
