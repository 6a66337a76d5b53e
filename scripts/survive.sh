#!/usr/bin/env bash
# The long forms of the tests of interrupted runs: kills at random instants, and 4 ranks in chaos.
set -euo pipefail

usage() {
    cat <<'EOT'
Usage: scripts/survive.sh storm [KILLS]
       scripts/survive.sh chaos [SECONDS [RANKS]]

storm   kills a job of one process that saves at every step, at KILLS (200) random instants, starting
        the same command again each time. It must always start, and end with the weights of a run
        that nobody killed; nothing temporary may be left.
chaos   kills one random rank of a job of RANKS (4) processes every 5 to 20 seconds, for SECONDS
        (600), starts it again each time, and compares the end in the same way. The job has as many
        steps as STEPS of the environment says (20000), which must be more than the time allows.

Both use .build/release/mlx-train and a folder of their own, which stays where something is wrong.
EOT
}

cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly program=.build/release/mlx-train
readonly folder=$(mktemp -d "${TMPDIR:-/tmp}/mlx-train-survive-XXXXXX")
root_flags=()
if ((EUID == 0)); then root_flags=(--allow-run-as-root); fi

say() { printf 'survive: %s\n' "$*"; }

fail() {
    printf 'survive: %s; see %s\n' "$*" "$folder" >&2
    exit 1
}

# start OUTPUT: the job in the background, under mpirun where there is more than one rank.
start() {
    local -a launcher=()
    if ((ranks > 1)); then
        launcher=(mpirun "${root_flags[@]}" --oversubscribe --bind-to none -n "$ranks")
    fi
    "${launcher[@]}" "$program" --config configs/digits-mlp.json --output "$1" \
        --set model.dropout=0.2 --set training.epochs=null --set "training.steps=$steps" \
        --set "checkpoint.every_steps=$every" --set metrics.every_steps=1 \
        >>"$folder/log" 2>&1 &
    job=$!
}

# pause LOW HIGH: sleeps for a random time between two numbers of milliseconds.
pause() {
    local wait=$(($1 + (RANDOM * 32768 + RANDOM) % ($2 - $1 + 1)))
    sleep "$((wait / 1000)).$(printf '%03d' $((wait % 1000)))"
}

# ranks_of JOB: the processes of the program below a launcher, or the job itself.
ranks_of() {
    if ((ranks == 1)); then echo "$1"; else pgrep -P "$1" -x mlx-train || true; fi
}

last_step() { sed -nE 's/.*"event": "'"$1"'", "step": ([0-9]+).*/\1/p' "$folder/run/metrics.jsonl" | tail -n 1; }

compare() {
    cmp "$folder/whole/model/model.safetensors" "$folder/run/model/model.safetensors" \
        || fail 'the weights differ from those of a run that nobody killed'
    if find "$folder/run" -name '*.tmp-*' -o -name '*.replaced' | grep -q .; then
        fail 'temporary files are left'
    fi
    rm -rf "$folder"
}

whole() {
    say "a run of $steps steps that nobody kills"
    start "$folder/whole"
    wait "$job" || fail 'the run that nobody kills failed'
}

storm() {
    local kills=${1:-200} count before after lost=0
    ranks=1 every=1 steps=$((kills * 25))
    whole
    say "$kills kills"
    for ((count = 1; count <= kills; count++)); do
        before=$(last_step train 2>/dev/null || echo 0)
        start "$folder/run"
        pause 30 250
        kill -KILL "$job" 2>/dev/null || true
        local status=0
        wait "$job" 2>/dev/null || status=$?
        if ((status != 137 && status != 0)); then fail "start $count ended with $status"; fi
        after=$(last_step restart 2>/dev/null || echo 0)
        if ((${before:-0} - ${after:-0} > lost)); then lost=$((before - after)); fi
    done
    start "$folder/run"
    wait "$job" || fail 'the last start failed'
    compare
    say "$kills of $kills went on; at most $lost steps were taken again; the weights are the same"
}

chaos() {
    local seconds=${1:-600} kills=0 victim end
    ranks=${2:-4} every=20 steps=${STEPS:-20000}
    whole
    say "kills for $seconds s"
    end=$((SECONDS + seconds))
    start "$folder/run"
    while ((SECONDS < end)); do
        pause 5000 20000
        victim=$(ranks_of "$job" | shuf -n 1)
        if [[ -z $victim ]]; then
            kill -0 "$job" 2>/dev/null || break
            continue
        fi
        kill -KILL "$victim" 2>/dev/null || true
        kills=$((kills + 1))
        wait "$job" 2>/dev/null || true
        start "$folder/run"
    done
    wait "$job" || fail 'the last start failed'
    compare
    say "$kills kills; the weights are those of a run that nobody killed"
}

case ${1:-} in
    storm | chaos)
        [[ -x $program ]] || fail "build first: swift build -c release"
        "$@"
        ;;
    -h | --help) usage ;;
    *)
        usage
        exit 64
        ;;
esac
