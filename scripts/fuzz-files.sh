#!/usr/bin/env bash
# Reads many damaged files of every format, first as shipped, then under AddressSanitizer.
set -euo pipefail

usage() {
    cat <<'EOF'
Usage: scripts/fuzz-files.sh [-h] [COUNT]

Damages COUNT files of each format (10000 unless given) and reads them: each must be refused with a
reason or read whole. Runs the tests that do so twice: in the release build, and in a build under
AddressSanitizer in .build-address, C kernels included, where a read beyond an end is a failure.
EOF
}

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/steps.sh
source scripts/steps.sh

readonly tests=(--disable-xctest --filter 'MLXTests\.Hostile')
readonly release=(-c release --disable-testable-imports)
readonly address=(--sanitize=address --scratch-path .build-address)

main() {
    if [[ ${1:-} == -h || ${1:-} == --help ]]; then
        usage
        exit 0
    fi
    export MLX_FUZZ_COUNT=${1:-10000}
    # The runtime never gives back what it keeps for types, and a leak is no over-read.
    export ASAN_OPTIONS=detect_leaks=0
    local log
    log=$(mktemp)
    # shellcheck disable=SC2064
    trap "rm -f '$log'" EXIT
    step 'fuzz: building (release)' "$log" swift build "${release[@]:0:2}" --build-tests
    step 'fuzz: reading' "$log" swift test "${release[@]}" --skip-build "${tests[@]}"
    step 'fuzz: building (address)' "$log" swift build "${address[@]}" --build-tests
    step 'fuzz: reading (address)' "$log" swift test "${address[@]}" --skip-build "${tests[@]}"
    printf 'fuzz: %s files of each format, no fault\n' "$MLX_FUZZ_COUNT"
}

main "$@"
