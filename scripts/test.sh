#!/usr/bin/env bash
# Sets the machine up, builds everything once, runs the whole test suite.
set -euo pipefail

usage() {
    cat <<'EOF'
Usage: scripts/test.sh [ARGUMENT OF swift test …]

Installs the system packages that are missing, builds the products and the tests (release), and
runs every test. Arguments go to 'swift test', e.g. --filter 'MLXTests\.ReductionTests'.
With CI set in the environment, a warning of the build is an error.
EOF
}

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/steps.sh
source scripts/steps.sh

# A test imports what its module gives, nothing hidden, so that the products built here are the
# products tested, and a later 'swift build' has nothing left to build.
readonly build=(swift build -c release --build-tests)
readonly run=(swift test -c release --disable-testable-imports --disable-xctest --skip-build)

refuse_warnings() {
    if grep -E '(^|: )warning: ' "$1" | sort -u >&2; then
        printf 'test: the build has warnings\n' >&2
        return 1
    fi
}

main() {
    if [[ ${1:-} == -h || ${1:-} == --help ]]; then
        usage
        exit 0
    fi
    local log
    log=$(mktemp)
    # shellcheck disable=SC2064
    trap "rm -f '$log'" EXIT
    scripts/setup.sh --tests
    step 'test: building products and tests (release)' "$log" "${build[@]}"
    if [[ -n ${CI:-} ]]; then refuse_warnings "$log"; fi
    printf 'test: running\n'
    "${run[@]}" "$@" </dev/null
}

main "$@"
