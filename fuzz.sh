#!/usr/bin/env bash
# Fuzzes what comes from outside: ./fuzz.sh [SECONDS] [TARGET] [--list]. SECONDS (60) are for each target; without a
# TARGET all have their turn. libFuzzer and the address sanitizer run Tests/Fuzzing, beginning with Tests/Corpus. Exit
# code 1 when an input broke a rule, or ended the process: its file and the way to replay it are printed.
set -uo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")" || exit 1

readonly BUILD=.build/fuzz
readonly DRIVER=$BUILD/release/fuzz_driver
# Larger inputs take longer and reach nothing more: bounds are tested with small limits.
readonly BYTES_MAX=4096

usage() { printf 'usage: ./fuzz.sh [SECONDS] [TARGET] [--list]\ntargets: %s\n' "${TARGETS[*]}"; }

# A target is a folder of the corpus.
TARGETS=()
for folder in Tests/Corpus/*/; do TARGETS+=("$(basename "$folder")"); done
readonly TARGETS

seconds=60 only=""
for argument in "$@"; do
    case $argument in
        --list) printf '%s\n' "${TARGETS[@]}"; exit 0 ;;
        -h | --help) usage; exit 0 ;;
        *[!0-9]*)
            case " ${TARGETS[*]} " in
                *" $argument "*) only=$argument ;;
                *) printf 'fuzz.sh: no target "%s"\n' "$argument" >&2; usage >&2; exit 64 ;;
            esac
            ;;
        *) seconds=$argument ;;
    esac
done

command -v swift >/dev/null || {
    printf 'fuzz.sh: swift is not there; see https://www.swift.org/install/\n' >&2
    exit 69
}
mkdir -p "$BUILD/logs" "$BUILD/findings"

# Optimised, but for its assertions; SLUICE_FUZZ gives the package the target that has libFuzzer's symbols.
printf 'Building the fuzzer …\n'
SLUICE_FUZZ=1 swift build -c release --scratch-path "$BUILD" --product fuzz_driver -Xswiftc -sanitize=fuzzer,address \
    -Xswiftc -assert-config -Xswiftc Debug >"$BUILD/logs/build.log" 2>&1 ||
    { tail -n 40 "$BUILD/logs/build.log" >&2; exit 69; }

# The runtime's own backtrace would wait for a terminal, and hide the sanitizer's report.
export SWIFT_BACKTRACE=enable=no
export ASAN_OPTIONS="detect_stack_use_after_return=0"

number() { sed -nE "s/^stat::$1: +([0-9]+)/\1/p" "$2" | tail -n 1; }

status=0
for target in "${TARGETS[@]}"; do
    [ -z "$only" ] || [ "$only" = "$target" ] || continue
    log=$BUILD/logs/$target.log found=$BUILD/findings/$target
    mkdir -p "$BUILD/corpus/$target" "$found"
    begin=$SECONDS
    # New inputs, which reach further, go to the first folder, and are there at the next run.
    if FUZZ_TARGET=$target "$DRIVER" -max_total_time="$seconds" -max_len="$BYTES_MAX" -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="$found/" \
        "$BUILD/corpus/$target" "Tests/Corpus/$target" >"$log" 2>&1; then
        printf '%-12s %6d s %12d executions %6d per second %6d edges\n' "$target" $((SECONDS - begin)) \
            "$(number number_of_executed_units "$log")" "$(number average_exec_per_sec "$log")" \
            "$(sed -nE 's/.* cov: ([0-9]+) .*/\1/p' "$log" | tail -n 1)"
        continue
    fi
    status=1
    input=$(sed -nE 's/.*Test unit written to (.*)/\1/p' "$log" | tail -n 1)
    printf '%-12s FAILED after %d s: %s\n' "$target" $((SECONDS - begin)) \
        "$(grep -m 1 -E 'Fatal error|ERROR: ' "$log" || tail -n 1 "$log")"
    printf '    the input:  %s\n    the report: %s\n' "${input:-none was written}" "$log"
    [ -z "$input" ] ||
        printf '    again:      SWIFT_BACKTRACE=enable=no FUZZ_TARGET=%s %s %s\n' "$target" "$DRIVER" "$input"
done
exit "$status"
