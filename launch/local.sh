#!/usr/bin/env bash
# Trains on several processes of this node.
set -euo pipefail

usage() {
    cat <<'EOF'
Usage: launch/local.sh PROCESSES CONFIG [FLAG OF mlx-train …]

Example: launch/local.sh 4 configs/digits-mlp.json --set training.epochs=5

Runs .build/release/mlx-train of this checkout, or the program that MLX_TRAIN names, as PROCESSES
ranks of one job. Works as root and with more processes than cores. The exit status is mlx-train's.
MLX_RESTARTS is how often the job is started again after a failure, 0 by default.
EOF
}

usage_error() {
    printf 'local.sh: %s\n' "$1" >&2
    usage >&2
    exit 64
}

main() {
    if [[ ${1:-} == -h || ${1:-} == --help ]]; then
        usage
        exit 0
    fi
    if (($# < 2)); then usage_error 'the number of processes and the job are needed'; fi
    local processes=$1 config=$2 root program launcher
    shift 2
    if [[ ! $processes =~ ^[1-9][0-9]*$ ]]; then
        usage_error "'$processes' is not a number of processes"
    fi
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    program=${MLX_TRAIN:-$root/.build/release/mlx-train}
    launcher=$(dirname "$program")/mlx-launch
    local file
    for file in "$program" "$launcher"; do
        if [[ ! -x $file ]]; then
            printf 'local.sh: no program at %s; build it: swift build -c release\n' "$file" >&2
            exit 66
        fi
    done
    exec "$launcher" -n "$processes" --max-restarts "${MLX_RESTARTS:-0}" -- \
        "$program" --config "$config" "$@"
}

main "$@"
