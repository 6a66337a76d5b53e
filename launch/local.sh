#!/usr/bin/env bash
# Trains on several processes of this node, under mpirun.
set -euo pipefail

usage() {
    cat <<'EOF'
Usage: launch/local.sh PROCESSES CONFIG [FLAG OF mlx-train …]

Example: launch/local.sh 4 configs/digits-mlp.json --set training.epochs=5

Runs .build/release/mlx-train of this checkout, or the program that MLX_TRAIN names, as PROCESSES
ranks of one job. Works as root and with more processes than cores. The exit status is mlx-train's.
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
    local processes=$1 config=$2 root program
    shift 2
    if [[ ! $processes =~ ^[1-9][0-9]*$ ]]; then
        usage_error "'$processes' is not a number of processes"
    fi
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    program=${MLX_TRAIN:-$root/.build/release/mlx-train}
    if [[ ! -x $program ]]; then
        printf 'local.sh: no program at %s; build it: swift build -c release\n' "$program" >&2
        exit 66
    fi

    # Ranks share the cores among themselves, so mpirun must not bind each of them to one core, nor
    # refuse a job of more ranks than cores. As root it starts nothing unless told to.
    local -a flags=(-n "$processes" --oversubscribe --bind-to none)
    if ((EUID == 0)); then flags+=(--allow-run-as-root); fi
    exec mpirun "${flags[@]}" "$program" --config "$config" "$@"
}

main "$@"
