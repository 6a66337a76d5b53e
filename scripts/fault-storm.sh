#!/usr/bin/env bash
# Kills random ranks of real jobs, many times, and compares what comes of them.
set -euo pipefail

usage() {
    cat <<'EOF'
Usage: scripts/fault-storm.sh [-k KILLS] [-n RANKS] [-t TRANSPORT] [-s SEED]

Needs built products (swift build -c release). Three storms of the digits job under mlx-launch:
  1. KILLS times (20): SIGKILL of a random rank at a random step. The launch must end with 137
     within 5 s and name rank, signal and step.
  2. One job with restarts and KILLS / 2 kills: it must finish with the weights of one undisturbed.
  3. KILLS / 4 times: SIGKILL of the launcher itself. Nothing may be left after 5 s.
Prints one line a storm with the slowest times; exits 1 at the first broken promise.
EOF
}

cd "$(dirname "${BASH_SOURCE[0]}")/.."

kills=20 ranks=4 transport=auto seed=1
folder=
launcher=

fail() {
    printf 'fault-storm: %s\n' "$1" >&2
    exit 1
}

# Seconds since some moment, with fractions.
now() { printf '%s' "${EPOCHREALTIME/,/.}"; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.2f", b - a }'; }
larger() { awk -v a="$1" -v b="$2" 'BEGIN { print (a > b) ? a : b }'; }

# start NAME STEPS FLAG…: a job in the background; its launcher's number is in $launcher.
start() {
    local name=$1 steps=$2
    shift 2
    .build/release/mlx-launch -n "$ranks" --transport "$transport" "$@" -- \
        "$PWD/.build/release/mlx-train" --config configs/digits-mlp.json \
        --output "$folder/$name" --set "training.steps=$steps" --set training.epochs=1000000 \
        --set checkpoint.every_steps=10 --set metrics.every_steps=1 \
        --set model.dropout=0.2 --set evaluation.every_steps=1000000 \
        >"$folder/$name.out" 2>>"$folder/$name.err" &
    launcher=$!
}

# The number of the last step that a job told, 0 before the first.
last_step() {
    { tail -n 1 "$folder/$1/metrics.jsonl" 2>/dev/null || true; } \
        | sed -nE 's/.*"step" *: *([0-9]+).*/\1/p' | grep . || printf '0'
}

# reach NAME STEP: waits until a job has come to a step.
reach() {
    local deadline=$((SECONDS + 120))
    while (($(last_step "$1") < $2)); do
        if ((SECONDS > deadline)); then fail "$1 did not reach step $2: $(cat "$folder/$1.err")"; fi
        sleep 0.02
    done
}

# The processes below one.
descendants() {
    local child
    for child in $(ps -o pid= --ppid "$1"); do
        printf '%s\n' "$child"
        descendants "$child"
    done
}

# rank_process RANK: the process of a rank of $launcher; nothing where there is none.
rank_process() {
    local process
    for process in $(descendants "$launcher"); do
        if [[ $(readlink "/proc/$process/exe") == */mlx-train ]] \
            && tr '\0' '\n' <"/proc/$process/environ" 2>/dev/null | grep -qx "RANK=$1"; then
            printf '%s' "$process"
            return
        fi
    done
}

kill_ranks() {
    local round rank process began status slowest=0 seconds
    for ((round = 1; round <= kills; round++)); do
        rank=$((RANDOM % ranks))
        start "kill-$round" 1000000
        reach "kill-$round" $((1 + RANDOM % 60))
        process=$(rank_process "$rank")
        if [[ -z $process ]]; then fail "no process of rank $rank"; fi
        began=$(now)
        kill -KILL "$process"
        status=0
        wait "$launcher" || status=$?
        seconds=$(since "$began")
        slowest=$(larger "$slowest" "$seconds")
        if ((status != 137)); then fail "round $round ended with $status"; fi
        if [[ $(larger "$seconds" 5) != 5 ]]; then fail "round $round took $seconds s"; fi
        grep -qE "rank $rank .*process $process\) was killed by signal 9 \(Killed\) at step [0-9]+" \
            "$folder/kill-$round.err" || fail "round $round said: $(cat "$folder/kill-$round.err")"
        rm -rf "$folder/kill-$round"
    done
    printf 'fault-storm: %d kills of a rank: 137 each, slowest end %s s\n' "$kills" "$slowest"
}

survive_kills() {
    local count=$((kills / 2)) round process status=0 began slowest=0 reached
    start undisturbed 400
    wait "$launcher" || fail "the undisturbed job failed: $(cat "$folder/undisturbed.err")"
    start survivor 400 --max-restarts "$count"
    for ((round = 1; round <= count; round++)); do
        reach survivor $((round * 380 / (count + 1)))
        process=
        while [[ -z $process ]]; do process=$(rank_process $((RANDOM % ranks))); done
        kill -KILL "$process"
        began=$(now)
        reached=$(wc -l <"$folder/survivor/metrics.jsonl")
        # The next start writes a line of its restart and then one of its first step.
        until (($(wc -l <"$folder/survivor/metrics.jsonl") >= reached + 2)); do
            if ! kill -0 "$launcher" 2>/dev/null; then
                fail "the survivor died: $(cat "$folder/survivor.err")"
            fi
            sleep 0.02
        done
        slowest=$(larger "$slowest" "$(since "$began")")
    done
    wait "$launcher" || status=$?
    if ((status != 0)); then fail "the survivor ended with $status: $(cat "$folder/survivor.err")"; fi
    cmp -s "$folder"/{undisturbed,survivor}/model/model.safetensors \
        || fail 'the survivor has other weights'
    printf 'fault-storm: %d kills survived to the same bits, slowest new step after %s s\n' \
        "$count" "$slowest"
}

kill_launchers() {
    local count=$((kills / 4)) round processes process deadline left
    for ((round = 1; round <= count; round++)); do
        start orphan 1000000 --max-restarts 3
        reach orphan $((round * 5))
        processes=$(descendants "$launcher")
        kill -KILL "$launcher"
        wait "$launcher" 2>/dev/null || true
        deadline=$((SECONDS + 5))
        while true; do
            left=()
            for process in $processes; do
                if kill -0 "$process" 2>/dev/null; then left+=("$process"); fi
            done
            if ((${#left[@]} == 0)); then break; fi
            if ((SECONDS > deadline)); then fail "left after 5 s: ${left[*]}"; fi
            sleep 0.05
        done
    done
    printf 'fault-storm: %d kills of the launcher: nothing left\n' "$count"
}

main() {
    local option
    while getopts ':hk:n:t:s:' option; do
        case $option in
            h)
                usage
                exit 0
                ;;
            k) kills=$OPTARG ;;
            n) ranks=$OPTARG ;;
            t) transport=$OPTARG ;;
            s) seed=$OPTARG ;;
            *)
                usage >&2
                exit 64
                ;;
        esac
    done
    RANDOM=$seed
    folder=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "rm -rf '$folder'" EXIT
    kill_ranks
    survive_kills
    kill_launchers
}

main "$@"
