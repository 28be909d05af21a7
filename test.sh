#!/usr/bin/env bash
# Tests everything: ./test.sh [--only PART] [--sanitize=thread|address] [--list] [--verbose]. Installs what is missing,
# runs the parts, and ends with one summary and the line "N passed, N failed". Exit code 0 when nothing failed.
set -uo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")" || exit 1

readonly PARTS=(shell format tidy build unit foreign-debug release bench foreign clients autobahn browser)
readonly SANITIZE_PARTS=(unit release foreign)
# Parts that mostly wait: each runs beside the parts that follow it, up to the first one that needs the machine for
# itself.
readonly WAITING=(foreign-debug)
readonly ALONE=(foreign clients autobahn browser)
readonly LOGS=.build/test-logs
readonly VENV=.build/test-venv
readonly REQUIREMENTS=Tests/Support/requirements.txt

usage() {
    printf 'usage: ./test.sh [--only PART] [--sanitize=thread|address] [--list] [--verbose]\nparts: %s\n' "${PARTS[*]}"
}

only="" sanitizer="" verbose=""
while [ $# -gt 0 ]; do
    case $1 in
        --only) only=${2:-}; shift ;;
        --only=*) only=${1#*=} ;;
        --sanitize=thread | --sanitize=address) sanitizer=${1#*=} ;;
        --verbose) verbose=yes ;;
        --list) printf '%s\n' "${PARTS[@]}"; exit 0 ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 64 ;;
    esac
    shift
done
parts=("${PARTS[@]}")
[ -z "$sanitizer" ] || parts=("${SANITIZE_PARTS[@]}")
if [ -n "$only" ]; then
    case " ${parts[*]} " in
        *" $only "*) parts=("$only") ;;
        *) printf 'test.sh: no part "%s"; parts: %s\n' "$only" "${parts[*]}" >&2; exit 64 ;;
    esac
fi
is_among() { # word, words …
    local word=$1
    shift
    case " $* " in *" $word "*) ;; *) return 1 ;; esac
}
wants() { # parts …
    local one
    for one in "$@"; do ! is_among "$one" "${parts[@]}" || return 0; done
    return 1
}

# What is needed: packages of the system, Swift, a Python environment of its own

install_packages() {
    local missing=() sudo=""
    if ! { command -v pkg-config >/dev/null && pkg-config --exists libuv openssl zlib hiredis; }; then
        missing+=(libuv1-dev libssl-dev zlib1g-dev libhiredis-dev pkg-config)
    fi
    if wants tidy; then
        command -v python3 >/dev/null || missing+=(python3)
    fi
    if wants unit foreign foreign-debug clients; then
        command -v redis-server >/dev/null || missing+=(redis-server)
    fi
    if wants foreign foreign-debug clients autobahn browser; then
        python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
    fi
    if wants foreign foreign-debug clients; then
        command -v node >/dev/null || missing+=(nodejs)
        [ -d /usr/share/nodejs/ws ] || missing+=(node-ws)
    fi
    if wants foreign foreign-debug; then
        [ -x /usr/sbin/nginx ] || command -v nginx >/dev/null || missing+=(nginx)
        command -v openssl >/dev/null || missing+=(openssl)
        command -v promtool >/dev/null || missing+=(prometheus)
    fi
    if wants browser; then
        command -v chromium >/dev/null || missing+=(chromium)
        command -v chromedriver >/dev/null || missing+=(chromium-driver)
    fi
    [ ${#missing[@]} -gt 0 ] || return 0
    if ! command -v apt-get >/dev/null; then
        printf 'test.sh: missing (under the names that Debian gives them): %s\n' "${missing[*]}" >&2
        exit 69
    fi
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || { printf 'test.sh: no sudo; apt-get install %s\n' "${missing[*]}" >&2; exit 69; }
        sudo=sudo
    fi
    printf 'Installing %s …\n' "${missing[*]}"
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get update -q || true
    install_idle "$sudo" "${missing[@]}" || exit 69
}

# Packages of servers start them at once, and with the system: Nginx on port 80. Here neither, as the tests start their
# own.
install_idle() ( # sudo or nothing, packages
    sudo=$1 policy=/usr/sbin/policy-rc.d
    shift
    if [ ! -e "$policy" ]; then
        trap '$sudo rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' | $sudo install -m 755 /dev/stdin "$policy"
    fi
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" || exit
    for package in "$@"; do
        case $package in
            nginx | prometheus | redis-server)
                ! command -v systemctl >/dev/null || $sudo systemctl disable -q "$package" || true
                ;;
        esac
    done
)

make_environment() {
    local stamp
    stamp=$(cat Tests/*/requirements.txt | cksum)
    [ "$(cat "$VENV/stamp" 2>/dev/null)" != "$stamp" ] || return 0
    printf 'Preparing %s …\n' "$VENV"
    rm -rf "$VENV"
    python3 -m venv "$VENV" && "$VENV/bin/pip" install -q --disable-pip-version-check -r "$REQUIREMENTS" || exit 69
    printf '%s\n' "$stamp" >"$VENV/stamp"
}

# The parts; each writes its log to standard output and ends with a status

scratch=(--scratch-path .build)
flags=()
products=$PWD/.build/release
if [ -n "$sanitizer" ]; then
    scratch=(--scratch-path ".build/${sanitizer:0:1}san")
    flags=("--sanitize=$sanitizer")
    products=$PWD/.build/${sanitizer:0:1}san/debug
    # A report decides by its exit code too; what the tests wait for may take longer.
    export TSAN_OPTIONS="exitcode=66 halt_on_error=0 second_deadlock_stack=1"
    export ASAN_OPTIONS="exitcode=66 detect_leaks=1 detect_stack_use_after_return=0"
    export SLUICE_TIME_FACTOR=4
fi

part_shell() {
    local file
    while IFS= read -r file; do
        printf '%s\n' "$file"
        bash -n "$file" || return 1
    done < <(printf '%s\n' ./*.sh .ci/run; find Tests LoadTest packaging -name '*.sh')
}

part_format() { swift format lint --strict -r Sources LoadTest Benchmarks Tests Package.swift; }
part_tidy() { python3 -m unittest discover -s Tests/Tidy && python3 Tests/Tidy/tidy.py; }
part_build() { swift build --build-tests "${scratch[@]}"; }
part_unit() { timeout 900 swift test --disable-xctest "${scratch[@]}" "${flags[@]}"; }

part_release() {
    local product
    for product in sluice load_test; do
        if [ -n "$sanitizer" ]; then
            swift build "${scratch[@]}" "${flags[@]}" --product "$product" || return 1
        else
            swift build -c release --static-swift-stdlib --product "$product" || return 1
        fi
    done
}

# Allocations and bytes alone, which are the same on a busy machine. The modules are those of the release build.
part_bench() { ./bench.sh --counts-only; }

suite() { # folder, how many tests at a time, products
    SLUICE_BIN=$3/sluice LOAD_TEST_BIN=$3/load_test PYTHONDONTWRITEBYTECODE=1 \
        timeout 900 "$VENV/bin/python" -m pytest -c Tests/pytest.ini -v -ra --durations=5 -n "$2" "$1"
}
# Most tests wait most of the time: for an expiry, a timeout, a browser.
part_foreign() { suite Tests/Foreign 5 "$products"; }
# The clients of this project, each with the cases of clients/cases.json and against live nodes.
part_clients() { suite clients 4 "$products"; }
part_autobahn() { suite Tests/Autobahn 0 "$products"; }
part_browser() { suite Tests/Browser 2 "$products"; }

# The same clients against the debug build, which checks exclusive access; it is slower, and others build meanwhile.
part_foreign-debug() {
    wants build || { swift build --product sluice && swift build --product load_test; } || return 1
    SLUICE_TIME_FACTOR=4 suite Tests/Foreign 5 "$PWD/.build/debug"
}

# Counting: from what the tools say of themselves, never less than one failure when a tool failed

number() { # pattern with one group, log
    sed -nE "s/.*$1.*/\1/p" "$2" | tail -n 1
}

count() { # part, status, log; sets passed and failed
    local log=$3
    case $1 in
        unit)
            local run
            run=$(number 'Test run with ([0-9]+) tests?[ ]' "$log")
            failed=$(grep -E '^.{1,3} Test .* failed after ' "$log" | grep -vcE 'Test (run with|case passing)')
            passed=$((${run:-0} - failed))
            ;;
        foreign | foreign-debug | clients | autobahn | browser)
            local line errors
            line=$(grep -E '^=+ .*(passed|failed|error|no tests ran).* in [0-9.]+' "$log" | tail -n 1)
            printf '%s\n' "$line" >"$log.summary"
            passed=$(number '[^0-9]([0-9]+) passed' "$log.summary")
            failed=$(number '[^0-9]([0-9]+) failed' "$log.summary")
            errors=$(number '[^0-9]([0-9]+) errors?' "$log.summary")
            passed=${passed:-0} failed=$((${failed:-0} + ${errors:-0}))
            ;;
        tidy)
            passed=$(number '^Ran ([0-9]+) tests?' "$log")
            passed=${passed:-0} failed=0
            [ "$2" != 0 ] || passed=$((passed + 1))
            ;;
        *)
            passed=1 failed=0
            [ "$2" = 0 ] || { passed=0; failed=1; }
            return
            ;;
    esac
    [ "$passed" -ge 0 ] || passed=0
    # A tool that failed without a count, and a suite in which nothing passed, are failures.
    if [ "$failed" = 0 ] && { [ "$2" != 0 ] || [ "$passed" = 0 ]; }; then failed=1; fi
}

install_packages
command -v swift >/dev/null || {
    printf 'test.sh: swift is not there; see https://www.swift.org/install/\n' >&2
    exit 69
}
mkdir -p "$LOGS"
if wants foreign foreign-debug clients autobahn browser; then make_environment; fi

# Running: each part with its log and its line in the summary

all_passed=0 all_failed=0 step=0
summary=()
waiting="" waiting_pid=""
begin=$SECONDS

log_of() { printf '%s/%s.log' "$LOGS" "$1${sanitizer:+-$sanitizer}"; }

announce() { # part, how
    step=$((step + 1))
    printf '[%d/%d] %s%s …\n' "$step" "${#parts[@]}" "$1${sanitizer:+ ($sanitizer sanitizer)}" "${2:-}"
}

run() { # part
    local log status part_begin=$SECONDS
    log=$(log_of "$1")
    announce "$1"
    if [ -n "$verbose" ]; then
        "part_$1" 2>&1 | tee "$log"
        status=${PIPESTATUS[0]}
    else
        "part_$1" >"$log" 2>&1
        status=$?
    fi
    conclude "$1" "$status" $((SECONDS - part_begin))
}

start_waiting() { # part
    local log
    log=$(log_of "$1")
    announce "$1" ", beside the next parts"
    waiting=$1
    (
        part_begin=$SECONDS
        "part_$1" >"$log" 2>&1
        printf '%d %d\n' $? $((SECONDS - part_begin)) >"$log.end"
    ) &
    waiting_pid=$!
}

finish_waiting() {
    local part=$waiting status=1 duration=0
    [ -n "$part" ] || return 0
    printf '      waiting for %s …\n' "$part"
    wait "$waiting_pid"
    waiting="" waiting_pid=""
    read -r status duration <"$(log_of "$part").end"
    conclude "$part" "$status" "$duration"
}

stop_waiting() {
    [ -n "$waiting_pid" ] || return 0
    # The process in front of the part's tool ends with it; a tool that is told to end takes its own with it.
    kill $(cat "/proc/$waiting_pid/task/$waiting_pid/children" 2>/dev/null) "$waiting_pid" 2>/dev/null
}
trap stop_waiting EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

conclude() { # part, status, seconds
    local log status=$2
    log=$(log_of "$1")
    if [ -n "$sanitizer" ] &&
        grep -qE 'WARNING: ThreadSanitizer|ERROR: AddressSanitizer|ERROR: LeakSanitizer' "$log"; then
        status=66
    fi
    count "$1" "$status" "$log"
    all_passed=$((all_passed + passed))
    all_failed=$((all_failed + failed))
    summary+=("$(printf '%-13s %5d passed %5d failed %5d s' "$1" "$passed" "$failed" "$3")")
    if [ "$failed" != 0 ]; then
        [ -n "$verbose" ] || tail -n 80 "$log"
        printf '      %s: FAILED, the whole log: %s\n' "$1" "$log"
    else
        printf '      %s: %d passed in %d s\n' "$1" "$passed" "$3"
    fi
}

for part in "${parts[@]}"; do
    if is_among "$part" "${ALONE[@]}"; then finish_waiting; fi
    if [ -z "$verbose" ] && is_among "$part" "${WAITING[@]}" && [ "${#parts[@]}" -gt 1 ]; then
        start_waiting "$part"
    else
        run "$part"
    fi
done
finish_waiting

printf '\n'
printf '%s\n' "${summary[@]}"
printf 'in all %d s\n\n' $((SECONDS - begin))
printf '%d passed, %d failed\n' "$all_passed" "$all_failed"
[ "$all_failed" = 0 ]
