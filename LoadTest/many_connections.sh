#!/usr/bin/env bash
# Holds many idle connections on several nodes of this machine and prints what they cost:
#   LoadTest/many_connections.sh [CONNECTIONS] [RATE] [SECONDS]     (200000, 5000 per second, held for 20 s)
# Starts as many nodes as the open-file limit asks for, with one worker each, on free ports; stops what it started.
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

readonly CONNECTIONS=${1:-200000} RATE=${2:-5000} SECONDS_HELD=${3:-20}
readonly SLUICE=${SLUICE_BIN:-.build/release/sluice} LOAD_TEST=${LOAD_TEST_BIN:-.build/release/load_test}
# Descriptors of a node that are no connections, and some room.
readonly RESERVED_FILES=1000
# Ports that one source address has towards one node, with some to spare.
readonly PORTS_PER_ADDRESS=10000

for text in "$CONNECTIONS" "$RATE" "$SECONDS_HELD"; do
    [[ $text =~ ^[1-9][0-9]{0,7}$ ]] || {
        printf 'usage: %s [CONNECTIONS] [RATE] [SECONDS], whole numbers\n' "$0" >&2
        exit 64
    }
done
for binary in "$SLUICE" "$LOAD_TEST"; do
    [ -x "$binary" ] || {
        printf '%s is not there: swift build -c release --static-swift-stdlib\n' "$binary" >&2
        exit 69
    }
done

ulimit -n "$(ulimit -Hn)"
files=$(ulimit -n)
[ "$files" != unlimited ] || files=1000000
nodes=$(((CONNECTIONS + files - RESERVED_FILES - 1) / (files - RESERVED_FILES)))
folder=$(mktemp -d)
pids=()

stop_nodes() {
    local pid
    for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$folder"
}
trap stop_nodes EXIT

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

is_ready() { # port
    exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
    printf 'GET /ready HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' >&3
    local line
    read -r -t 2 line <&3 || return 1
    exec 3>&-
    [[ $line == *" 200 "* ]]
}

urls=()
for ((index = 0; index < nodes; index++)); do
    port=$(free_port)
    PORT=$port HOST=127.0.0.1 WORKERS=1 MAX_CONNECTIONS=10000000 DRAIN_SECONDS=0 LOG_LEVEL=WARNING \
        "$SLUICE" serve >"$folder/node-$index.log" 2>&1 &
    pids+=($!)
    for ((attempt = 0; ; attempt++)); do
        is_ready "$port" 2>/dev/null && break
        if ! kill -0 "${pids[-1]}" 2>/dev/null || [ "$attempt" -ge 100 ]; then
            cat "$folder/node-$index.log" >&2
            printf 'node %d did not get ready\n' "$index" >&2
            exit 69
        fi
        sleep 0.1
    done
    urls+=("ws://127.0.0.1:$port")
done
printf '%d nodes are ready\n' "$nodes"

per_node=$(((CONNECTIONS + nodes - 1) / nodes))
list=$(IFS=,; printf '%s' "${urls[*]}")
"$LOAD_TEST" --scenario idle --connections "$CONNECTIONS" --rate "$RATE" --duration "$SECONDS_HELD" --url "$list" \
    --processes $((nodes + 1)) --source-addresses $((per_node / PORTS_PER_ADDRESS + 1))
