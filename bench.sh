#!/usr/bin/env bash
# Measures: ./bench.sh [--quick] [--only NAME] [--parts | --node] [--counts-only] [--update-baseline]. First the parts
# one by one, then whole nodes under load. Exit code 1 when a part's allocations or bytes rose over
# Benchmarks/baseline.json, or when a node lost, doubled or misplaced a message. docs/benchmarks.md says how to read it.
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")"

readonly BINARIES=.build/release
readonly REPORTS=.build/bench

usage() {
    printf 'usage: ./bench.sh [--quick] [--only NAME] [--parts | --node] [--counts-only] [--update-baseline]\n'
}

parts=yes node=yes seconds=10 only=""
arguments=()
while [ $# -gt 0 ]; do
    case $1 in
        --quick) seconds=3; arguments+=("$1") ;;
        --only) only=${2:?"--only needs a name"}; shift ;;
        --only=*) only=${1#*=} ;;
        --parts) node="" ;;
        --node) parts="" ;;
        --counts-only | --update-baseline) node="" parts=yes; arguments+=("$1") ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 64 ;;
    esac
    shift
done

# Scenarios of whole nodes: the name, and what load_test is given besides its URL and files.
scenarios() {
    printf '%s\n' \
        "broadcast --connections 1000 --rooms 1 --senders 1 --window 32 --duration $seconds" \
        "small-rooms --connections 1000 --message-rate 2000 --duration $seconds" \
        "echo --connections 100 --duration $seconds" \
        "churn --connections 1000 --rate 500 --duration $seconds" \
        "idle --connections 5000 --duration $seconds"
}

build() { # products
    local product
    for product in "$@"; do
        printf 'Building %s …\n' "$product"
        swift build -c release --static-swift-stdlib --product "$product" >"$REPORTS/build.log" 2>&1 ||
            { tail -n 40 "$REPORTS/build.log" >&2; exit 69; }
    done
}

server=""
stop_server() {
    [ -n "$server" ] || return 0
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    server=""
}
trap stop_server EXIT

# Two cores or more: the node has the first for itself, the load tool the second.
on_core() { # core, command …
    local core=$1
    shift
    if [ "$(nproc)" -ge 2 ] && command -v taskset >/dev/null; then exec taskset -c "$core" "$@"; else exec "$@"; fi
}

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Starts a node on a port that nobody has, and sets `port`.
start_server() { # log
    local tries waits
    for tries in 1 2 3 4 5; do
        port=$((20000 + RANDOM % 10000))
        answers "$port" && continue
        (HOST=127.0.0.1 PORT=$port WORKERS=1 DRAIN_SECONDS=0 MESSAGES_PER_SECOND=1000000 LOG_LEVEL=WARNING \
            on_core 0 "$BINARIES/sluice" serve >"$1" 2>&1) &
        server=$!
        for ((waits = 0; waits < 200; waits++)); do
            kill -0 "$server" 2>/dev/null || break
            answers "$port" && return 0
            sleep 0.05
        done
        stop_server
    done
    printf 'bench.sh: the node did not start after %d tries, see %s\n' "$tries" "$1" >&2
    exit 69
}

measure_nodes() {
    local name options files=() all=() index=0 status=0 line
    while IFS= read -r line; do
        [[ "node/${line%% *}" != *"$only"* ]] || all+=("$line")
    done < <(scenarios)
    [ ${#all[@]} -gt 0 ] || return 0
    build sluice load_test
    for line in "${all[@]}"; do
        index=$((index + 1))
        name=${line%% *}
        read -ra options <<<"${line#* }"
        printf '[%d/%d] node/%s: load_test --scenario %s …\n' "$index" "${#all[@]}" "$name" "$line"
        start_server "$REPORTS/$name-node.log"
        (on_core 1 timeout 180 "$BINARIES/load_test" --scenario "$name" "${options[@]}" --seed 1 \
            --url "ws://127.0.0.1:$port" --json "$REPORTS/$name.json" --html "$REPORTS/$name.html") \
            >"$REPORTS/$name.log" 2>&1 || { status=1; tail -n 20 "$REPORTS/$name.log"; }
        stop_server
        [ ! -s "$REPORTS/$name.json" ] || files+=("$REPORTS/$name.json")
    done
    printf '\n'
    [ ${#files[@]} = 0 ] || "$BINARIES/benchmarks" nodes "${files[@]}" || status=1
    printf 'Each with its plots: %s/*.html\n' "$REPORTS"
    return "$status"
}

command -v swift >/dev/null || {
    printf 'bench.sh: swift is not there; see https://www.swift.org/install/\n' >&2
    exit 69
}
mkdir -p "$REPORTS"
rm -f "$REPORTS"/*.json
build benchmarks
status=0
case $only in node/*) parts="" ;; esac
if [ -n "$parts" ]; then
    [ -z "$only" ] || arguments+=(--only "$only")
    "$BINARIES/benchmarks" "${arguments[@]}" || status=1
fi
if [ -n "$node" ]; then
    case $only in "" | node*) measure_nodes || status=1 ;; esac
fi
exit "$status"
