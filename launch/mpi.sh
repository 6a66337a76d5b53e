#!/usr/bin/env bash
# Trains on several nodes that ssh reaches, over MPI.
set -euo pipefail

usage() {
    cat <<'EOF'
Usage: launch/mpi.sh [-n PROCESSES] [-i NETWORK] [-x VARIABLE]… HOSTFILE CONFIG [FLAG OF mlx-train …]

Example: launch/mpi.sh -i 10.0.0.0/16 hosts /shared/project/configs/digits-mlp.json

  HOSTFILE      one node a line, as launch/hosts.example shows
  -n PROCESSES  the number of ranks; all slots of the hostfile if left out
  -i NETWORK    the interface or network that the nodes share, e.g. eth0 or 10.0.0.0/16: needed
                where a node has others that the rest cannot reach (docker0, for one)
  -x VARIABLE   an environment variable to hand to every rank, besides PATH, LD_LIBRARY_PATH and
                those that begin with MLX_, OMP_, OPENBLAS_ or OMPI_MCA_; may be repeated

The checkout, the job's data and its output folder must have the same path on every node (a shared
file system), and ssh must reach every node from here without a password. Runs
.build/release/mlx-train of this checkout, or the program that MLX_TRAIN names, and the mlx-launch
beside it. MLX_RESTARTS is how often the job is started again after a failure, 0 by default.
EOF
}

usage_error() {
    printf 'mpi.sh: %s\n' "$1" >&2
    usage >&2
    exit 64
}

flags=()

read_options() {
    local option
    while getopts ':hn:i:x:' option; do
        case $option in
            h)
                usage
                exit 0
                ;;
            n)
                [[ $OPTARG =~ ^[1-9][0-9]*$ ]] \
                    || usage_error "'$OPTARG' is not a number of processes"
                flags+=(-n "$OPTARG")
                ;;
            i) flags+=(--interface "$OPTARG") ;;
            x) flags+=(-x "$OPTARG") ;;
            :) usage_error "-$OPTARG needs a value" ;;
            *) usage_error "no such option: -$OPTARG" ;;
        esac
    done
}

main() {
    if [[ ${1:-} == --help ]]; then
        usage
        exit 0
    fi
    read_options "$@"
    shift $((OPTIND - 1))
    if (($# < 2)); then usage_error 'a hostfile and a job are needed'; fi
    local hostfile=$1 config root program launcher
    config=$(realpath -m "$2")
    shift 2
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    program=${MLX_TRAIN:-$root/.build/release/mlx-train}
    launcher=$(dirname "$program")/mlx-launch
    local file
    for file in "$hostfile" "$config" "$program" "$launcher"; do
        if [[ ! -r $file ]]; then
            printf 'mpi.sh: no file at %s\n' "$file" >&2
            exit 66
        fi
    done

    exec "$launcher" --transport mpi --hostfile "$hostfile" "${flags[@]}" \
        --max-restarts "${MLX_RESTARTS:-0}" -- "$program" --config "$config" "$@"
}

main "$@"
