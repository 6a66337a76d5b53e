#!/usr/bin/env bash
# The long forms of the tests of interrupted runs: kills at random instants, requests to stop in all
# phases, and 4 ranks in chaos.
set -euo pipefail

usage() {
    cat <<'EOT'
Usage: scripts/survive.sh storm [KILLS]
       scripts/survive.sh stops [TIMES]
       scripts/survive.sh chaos [SECONDS [RANKS]]

storm   kills a job of one process that saves at every step, at KILLS (200) random instants, starting
        the same command again each time. It must always start, lose one step at most, and end with
        the weights of a run that nobody killed; nothing temporary may be left.
stops   asks a job of two ranks to stop, through mlx-launch over MPI and over ZeroMQ, TIMES (5) times
        in each of six phases: training, exchanging gradients, evaluating, saving, reading data and
        starting. It must save and end with 75 each time, and come to the weights of a run that was
        left alone.
chaos   kills one random rank of a job of RANKS (4) processes every 5 to 20 seconds, for SECONDS
        (600), starts it again each time, lets it go 100 steps beyond the last one, and compares
        the end with a run of as many steps that nobody kills. A job that ends by itself is a fault.

All use .build/release and a folder of their own, which stays where something is wrong.
EOT
}

cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly program=.build/release/mlx-train launch=.build/release/mlx-launch
readonly folder=$(mktemp -d "${TMPDIR:-/tmp}/mlx-train-survive-XXXXXX")
root_flags=() settings=()
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
        "${settings[@]}" >>"$folder/log" 2>&1 &
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

# launched OUTPUT WORDS…: the job with more settings on two ranks of mlx-launch, in the background.
launched() {
    local output=$1
    shift
    "$launch" -n 2 --transport "$transport" -- "$program" --config configs/digits-mlp.json \
        --output "$output" --set model.dropout=0.2 --set training.epochs=null \
        --set training.steps=150 --set metrics.every_steps=1 "$@" >>"$folder/log" 2>&1 &
    job=$!
}

# set_of PHASE: the words that keep a job in this phase.
set_of() {
    settings=(--set checkpoint.every_steps=0)
    case $1 in
        exchanging)
            settings+=(--set distributed.shared_memory=off --set distributed.bucket_megabytes=0.001
                --set distributed.first_bucket_megabytes=0.001)
            ;;
        evaluating) settings+=(--set evaluation.every_steps=1 --set evaluation.batch_size=4) ;;
        saving) settings=(--set checkpoint.every_steps=1) ;;
        reading) settings+=(--set "data.path=$folder/rows.csv" --set training.steps=400) ;;
    esac
}

# listens PROCESS: whether it catches SIGUSR1 and SIGTERM, which before end it.
listens() {
    local caught
    caught=$(sed -nE 's/^SigCgt:\s*//p' "/proc/$1/status" 2>/dev/null || true)
    (((0x${caught:-0} & 0x4200) == 0x4200))
}

# await PHASE: until the job is in it, at a random instant.
await() {
    while kill -0 "$job" 2>/dev/null && ! listens "$job"; do sleep 0.002; done
    case $1 in
        starting) pause 0 300 ;;
        reading)
            while kill -0 "$job" 2>/dev/null; do
                if [[ $(ls -l /proc/[0-9]*/fd 2>/dev/null || true) == *"$folder/rows.csv"* ]]; then
                    break
                fi
                sleep 0.01
            done
            pause 0 100
            ;;
        *)
            local goal=$((${before:-0} + 1 + RANDOM % 20)) now
            while kill -0 "$job" 2>/dev/null; do
                now=$(last_step train 2>/dev/null || true)
                if ((${now:-0} >= goal)); then break; fi
                sleep 0.01
            done
            ;;
    esac
}

last_step() { sed -nE 's/.*"event": "'"$1"'", "step": ([0-9]+).*/\1/p' "$folder/run/metrics.jsonl" | tail -n 1; }

restarts() { cat "$folder/run/metrics.jsonl" 2>/dev/null | grep -c '"event": "restart"' || true; }

same() {
    cmp "$folder/whole/model/model.safetensors" "$folder/run/model/model.safetensors" \
        || fail 'the weights differ from those of a run that nobody killed'
    if find "$folder/run" -name '*.tmp-*' -o -name '*.replaced' | grep -q .; then
        fail 'temporary files are left'
    fi
}

compare() {
    same
    rm -rf "$folder"
}

whole() {
    say "a run of $steps steps that nobody kills"
    start "$folder/whole"
    wait "$job" || fail 'the run that nobody kills failed'
}

storm() {
    local kills=${1:-200} count before after restarts lost=0
    ranks=1 every=1 steps=$((kills * 25))
    whole
    say "$kills kills"
    for ((count = 1; count <= kills; count++)); do
        before=$(last_step train 2>/dev/null || echo 0)
        restarts=$(restarts)
        start "$folder/run"
        pause 30 250
        kill -KILL "$job" 2>/dev/null || true
        local status=0
        wait "$job" 2>/dev/null || status=$?
        if ((status != 137 && status != 0)); then fail "start $count ended with $status"; fi
        # A start that was killed before it went on tells nothing.
        if (($(restarts) == restarts)); then continue; fi
        after=$(last_step restart)
        if ((before - after > lost)); then lost=$((before - after)); fi
        if ((lost > every)); then fail "$lost steps were lost, more than one interval"; fi
    done
    start "$folder/run"
    wait "$job" || fail 'the last start failed'
    compare
    say "$kills of $kills went on; at most $lost steps were taken again; the weights are the same"
}

stops() {
    local times=${1:-5} phase count status signal all=0
    awk 'BEGIN { for (row = 0; row < 400000; row++) print row % 97 "," row % 89 "," row % 2 }' \
        >"$folder/rows.csv"
    for transport in mpi zmq; do
        for phase in training exchanging evaluating saving reading starting; do
            set_of "$phase"
            launched "$folder/whole" "${settings[@]}"
            wait "$job" || fail 'the run that is left alone failed'
            for ((count = 1; count <= times; count++)); do
                before=$(last_step train 2>/dev/null || true)
                signal=$((count % 2 ? 15 : 10))
                launched "$folder/run" "${settings[@]}"
                await "$phase"
                kill -"$signal" "$job" 2>/dev/null || true
                status=0
                wait "$job" || status=$?
                if ((status != 75)); then fail "$transport, $phase: ended with $status"; fi
                before=$(last_step train 2>/dev/null || true)
                if [[ -n $before && ! -d $folder/run/checkpoints/$(printf 'step-%08d' "$before") ]]; then
                    fail "$transport, $phase: step $before is not saved"
                fi
                all=$((all + 1))
            done
            launched "$folder/run" "${settings[@]}"
            wait "$job" || fail 'the last start failed'
            same
            rm -rf "$folder/whole" "$folder/run"
            say "$transport, $phase: $times stops, saved each time; the weights are the same"
        done
    done
    rm -rf "$folder"
    say "$all of $all stops ended with 75"
}

chaos() {
    local seconds=${1:-600} kills=0 victim end last
    # The steps are so many that no job ends by itself; the learning rate does not depend on them.
    ranks=${2:-4} every=20 steps=1000000000
    settings=(--set optimizer.schedule.type=constant)
    say "kills for $seconds s"
    end=$((SECONDS + seconds))
    start "$folder/run"
    while ((SECONDS < end)); do
        pause 5000 20000
        victim=$(ranks_of "$job" | shuf -n 1)
        if [[ -z $victim ]]; then
            kill -0 "$job" 2>/dev/null || fail 'the job ended by itself'
            continue
        fi
        kill -KILL "$victim" 2>/dev/null || true
        kills=$((kills + 1))
        wait "$job" 2>/dev/null || true
        last=$(last_step train || true)
        if ((SECONDS < end)); then start "$folder/run"; fi
    done
    if ((kills == 0)); then fail 'no rank was found to kill'; fi
    steps=$((${last:-0} + 100))
    start "$folder/run"
    wait "$job" || fail 'the last start failed'
    whole
    compare
    say "$kills kills in $steps steps; the weights are those of a run that nobody killed"
}

case ${1:-} in
    storm | stops | chaos)
        [[ -x $program ]] || fail "build first: swift build -c release"
        "$@"
        ;;
    -h | --help) usage ;;
    *)
        usage
        exit 64
        ;;
esac
