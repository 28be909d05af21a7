#!/usr/bin/env bash
# Serves: ./start.sh [PORT] [HOST] [WORKERS]; --help says more. Builds what is not built. Arguments win over the
# environment, the environment over .env beside this file, .env over the defaults.
set -euo pipefail

readonly LIBRARIES="libuv1-dev libssl-dev zlib1g-dev libhiredis-dev pkg-config"

fail() { # exit code, words of one line
    local code=$1
    shift
    printf 'start.sh: %s\n' "$*" >&2
    exit "$code"
}

usage() {
    cat <<'END'
usage: ./start.sh [PORT] [HOST] [WORKERS]

Builds what is not built, installs what the build needs (on Debian and Ubuntu), and serves. Arguments win over the
environment, the environment over .env beside this file, .env over the defaults.

  PORT     1 to 65535; default 8000
  HOST     an IPv4 or IPv6 address, or localhost; default 0.0.0.0: every IPv4 interface
  WORKERS  1 to 256; default: the number of cores

Other settings are variables, such as REDIS_URL=redis://127.0.0.1:6379 ./start.sh 8001; .build/release/sluice serve
--help and .env.example have them all.

Exit status: 0 after a drain, 69 when something is missing or the address is taken, 78 when an argument or another
setting is wrong, 128 plus the signal when a second signal ends it at once.
END
}

# The folder of this file, also when it was called through a symlink.
here() {
    local file=${BASH_SOURCE[0]} folder
    while [ -L "$file" ]; do
        folder=$(cd -P "$(dirname "$file")" && pwd)
        file=$(readlink "$file")
        case $file in /*) ;; *) file=$folder/$file ;; esac
    done
    cd -P "$(dirname "$file")" && pwd
}

# The value of one variable in .env, with `export` and quotes taken off; empty when it is not there.
from_dotenv() { # name
    [ -f .env ] || return 0
    sed -nE "s/^[[:space:]]*(export[[:space:]]+)?$1[[:space:]]*=[[:space:]]*(.*)$/\2/p" .env | tail -n 1 |
        sed -E -e 's/[[:space:]]+$//' -e "s/^\"([^\"]*)\".*$/\1/" -e "s/^'([^']*)'.*$/\1/" -e 's/[[:space:]]+#.*$//'
}

# Whether a text is a whole number within bounds.
within() { # text, lower, upper
    [[ $1 =~ ^[0-9]{1,9}$ ]] && ((10#$1 >= $2 && 10#$1 <= $3))
}

# Whether the compiler finds what the build needs.
libraries_there() {
    command -v pkg-config >/dev/null && pkg-config --exists libuv openssl zlib hiredis
}

# Whether a program can be linked: the C library and a C++ library with their headers. Known of Debian only.
toolchain_there() {
    command -v apt-get >/dev/null || return 0
    [ -f /usr/include/stdlib.h ] && compgen -G '/usr/lib/gcc/*/*/libstdc++.so' >/dev/null
}

install_packages() { # names
    local sudo=""
    if ! command -v apt-get >/dev/null; then
        fail 69 "missing: the development files of libuv, OpenSSL, zlib and hiredis, and pkg-config" \
            "(Debian's names: $*). Install them with the package manager of this system."
    fi
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || fail 69 "missing packages, and no sudo to install them: apt-get install $*"
        sudo=sudo
    fi
    printf 'Installing %s …\n' "$*"
    # The lists of packages may be stale or missing; whether that matters shows in the next step.
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get update -q || true
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" ||
        fail 69 "could not install: $*"
}

for argument in "$@"; do
    case $argument in
        -h | --help) usage; exit 0 ;;
        -*) fail 78 "there is no option \"$argument\"; usage: ./start.sh [PORT] [HOST] [WORKERS]; --help says more" ;;
    esac
done
[ $# -le 3 ] || fail 78 "too many arguments; usage: ./start.sh [PORT] [HOST] [WORKERS]; --help says more"
root=$(here)
cd "$root"

# What comes as an argument is checked here, the rest by the program, which reads the same environment and .env.
if [ $# -ge 1 ]; then
    within "$1" 1 65535 || fail 78 "PORT is \"$1\"; allowed: 1 to 65535"
    export PORT=$((10#$1))
fi
if [ $# -ge 2 ]; then
    [[ $2 =~ ^[A-Za-z0-9._:%-]+$ ]] || fail 78 "HOST is \"$2\"; allowed: an address or a host name"
    export HOST=$2
fi
if [ $# -ge 3 ]; then
    within "$3" 1 256 || fail 78 "WORKERS is \"$3\"; allowed: 1 to 256"
    export WORKERS=$((10#$3))
fi

missing=()
# shellcheck disable=SC2206
libraries_there || missing+=($LIBRARIES)
toolchain_there || missing+=(g++ libc6-dev)
[ ${#missing[@]} = 0 ] || install_packages "${missing[@]}"
command -v swift >/dev/null ||
    fail 69 "swift is not there. Install Swift 6.2 or newer from https://www.swift.org/install/ and put it on the PATH."

binary=.build/release/sluice
if [ ! -x "$binary" ] || [ -n "$(find Package.swift Sources -newer "$binary" -print -quit)" ]; then
    printf 'Building (the first time this takes a minute or two) …\n'
    # A build that finds nothing to do leaves the binary's time alone; what is edited while it runs has to count as
    # newer.
    stamp=$(mktemp)
    swift build -c release --static-swift-stdlib --product sluice
    touch -r "$stamp" "$binary"
    rm -f "$stamp"
fi

port=${PORT:-$(from_dotenv PORT)}
host=${HOST:-$(from_dotenv HOST)}
case ${host:-0.0.0.0} in
    0.0.0.0) host=127.0.0.1 ;;
    ::) host="[::1]" ;;
    *:*) host="[$host]" ;;
esac
scheme=http
[ -z "${TLS_CERT_FILE:-$(from_dotenv TLS_CERT_FILE)}" ] || scheme=https
printf 'Open %s://%s:%s/\n' "$scheme" "$host" "${port:-8000}"
# A crash report shows the bytes that registers point at, which may be of a token or a key.
export SWIFT_BACKTRACE=${SWIFT_BACKTRACE:-registers=none}
exec "$binary" serve
