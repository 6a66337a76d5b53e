#!/usr/bin/env bash
# Trains on several nodes that ssh reaches, under mpirun.
set -euo pipefail

usage() {
    cat <<'EOF'
Usage: launch/mpi.sh [-n PROCESSES] [-i NETWORK] [-x VARIABLE]… HOSTFILE CONFIG [FLAG OF mlx-train …]

Example: launch/mpi.sh -i 10.0.0.0/16 hosts /shared/project/configs/digits-mlp.json

  HOSTFILE      one node a line, as launch/hosts.example shows
  -n PROCESSES  the number of ranks; all slots of the hostfile if left out
  -i NETWORK    the interface or network that the nodes share, e.g. eth0 or 10.0.0.0/16: needed
                where a node has others that the rest cannot reach (docker0, for one)
  -x VARIABLE   an environment variable to hand to every rank; may be repeated

The checkout, the job's data and its output folder must have the same path on every node (a shared
file system), and ssh must reach every node from here without a password. Runs
.build/release/mlx-train of this checkout, or the program that MLX_TRAIN names.
EOF
}

usage_error() {
    printf 'mpi.sh: %s\n' "$1" >&2
    usage >&2
    exit 64
}

# Handed to every rank where they are set here.
readonly exported=(PATH LD_LIBRARY_PATH OPENBLAS_CORETYPE)

flags=()

read_options() {
    local option variable
    for variable in "${exported[@]}"; do
        if [[ -n ${!variable:-} ]]; then flags+=(-x "$variable"); fi
    done
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
            i) flags+=(--mca btl_tcp_if_include "$OPTARG" --mca oob_tcp_if_include "$OPTARG") ;;
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
    local hostfile=$1 config root program
    config=$(realpath -m "$2")
    shift 2
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    program=${MLX_TRAIN:-$root/.build/release/mlx-train}
    local file
    for file in "$hostfile" "$config" "$program"; do
        if [[ ! -r $file ]]; then
            printf 'mpi.sh: no file at %s\n' "$file" >&2
            exit 66
        fi
    done

    # Slots fill node by node, so that neighbouring ranks share a node; ranks of a node share its
    # cores among themselves. As root mpirun starts nothing unless told to.
    flags+=(--hostfile "$hostfile" --map-by slot --bind-to none)
    if ((EUID == 0)); then flags+=(--allow-run-as-root); fi
    exec mpirun "${flags[@]}" "$program" --config "$config" "$@"
}

main "$@"
