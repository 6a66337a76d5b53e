#!/usr/bin/env bash
# From a bare checkout to a trained model: sets the machine up, builds, trains the digits job on two
# processes, prints the test accuracy.
set -euo pipefail

usage() {
    cat <<'EOF'
Usage: launch/quickstart.sh [-h]

Installs the system packages that are missing (as root or through sudo), builds mlx-train and
mlx-launch, trains configs/digits-mlp.json on 2 processes, and prints the accuracy on the held-out
digits and where the run folder is. Run again, it only shows what is there; delete the run folder to
train anew.
EOF
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/steps.sh
source "$root/scripts/steps.sh"

readonly run_folder=$root/runs/digits-mlp

# The accuracy of the last evaluation that the metrics file tells.
test_accuracy() {
    grep -E '"event" *: *"eval"' "$run_folder/metrics.jsonl" \
        | sed -nE 's/.*"accuracy" *: *([0-9.eE+-]+).*/\1/p' | tail -n 1
}

main() {
    if (($# > 0)); then
        usage
        if [[ $1 == -h || $1 == --help ]]; then exit 0; fi
        exit 64
    fi
    local log accuracy
    log=$(mktemp)
    # shellcheck disable=SC2064
    trap "rm -f '$log'" EXIT
    printf 'quickstart: system packages\n'
    "$root/scripts/setup.sh"
    step 'quickstart: building mlx-train (release; the first time takes minutes)' "$log" \
        swift build --package-path "$root" -c release --product mlx-train
    step 'quickstart: building mlx-launch' "$log" \
        swift build --package-path "$root" -c release --product mlx-launch
    printf 'quickstart: training configs/digits-mlp.json on 2 processes\n'
    "$root/launch/local.sh" 2 "$root/configs/digits-mlp.json" --output "$run_folder"
    accuracy=$(test_accuracy) || true
    if [[ -z $accuracy ]]; then
        printf 'quickstart: no evaluation in %s\n' "$run_folder/metrics.jsonl" >&2
        exit 1
    fi
    LC_ALL=C printf 'quickstart: test accuracy %.4f\n' "$accuracy"
    printf 'quickstart: run folder %s\n' "$run_folder"
}

main "$@"
