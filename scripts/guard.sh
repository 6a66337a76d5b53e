#!/usr/bin/env bash
# Counts the instructions of fixed small cases and holds them against the counts kept in git.
set -euo pipefail

usage() {
    cat <<'EOF'
Usage: scripts/guard.sh [-h] [--update]

Counts by callgrind what the cases of mlx-guard execute, and compares with
Benchmarks/instructions.json. Exits 1 if a case takes over 5 % more than it did. Where one takes
over 5 % less, --update writes the counts anew, so that the gain is kept. It builds mlx-guard first.
Times play no part: neither the load of the machine nor its speed change a count.
EOF
}

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/steps.sh
source scripts/steps.sh

readonly counts=Benchmarks/instructions.json band=5

fail() {
    printf 'guard: %s\n' "$@" >&2
    exit 1
}

# The kernels that run are those for the processor that valgrind plays: on any host with AVX2 the
# same one, which has AVX2 and FMA but not AVX-512.
require() {
    command -v valgrind >/dev/null || fail "valgrind is missing: scripts/setup.sh --guard installs it"
    if [[ $(uname -m) != x86_64 ]] || ! grep -qw avx2 /proc/cpuinfo; then
        printf 'guard: no counts are kept for a processor without AVX2; nothing was checked\n'
        exit 0
    fi
}

# count CASE: the instructions of one call of it. One thread, hash seeds and kernels of OpenBLAS
# fixed, and an environment of fixed size, as addresses depend on it.
count() {
    local out=$scratch/$1
    env -i PATH="$PATH" SWIFT_DETERMINISTIC_HASHING=1 OPENBLAS_CORETYPE=Haswell \
        OPENBLAS_NUM_THREADS=1 GLIBC_TUNABLES=glibc.malloc.arena_max=1 \
        taskset -c "$core" valgrind --tool=callgrind --collect-atstart=no \
        '--toggle-collect=$s9mlx_guard*7counted*' --callgrind-out-file="$out" "$program" "$1" \
        >"$out.log" 2>&1 || { cat "$out.log" >&2; fail "$1 failed under valgrind"; }
    sed -nE 's/^totals: ([0-9]+)$/\1/p' "$out"
}

# kept CASE: the count in git.
kept() { sed -nE "s/^ *\"$1\": ([0-9]+),?$/\1/p" "$counts" 2>/dev/null; }

# compare CASE COUNT: prints the count and its distance from the one in git; fails if it is too high.
compare() {
    local name=$1 now=$2 before permille
    before=$(kept "$name")
    if [[ -z $before ]]; then
        printf '  %-14s %11d   not in %s\n' "$name" "$now" "$counts"
        return 1
    fi
    permille=$(((now - before) * 1000 / before))
    printf '  %-14s %11d   %+d.%d %%\n' "$name" "$now" $((permille / 10)) $((${permille#-} % 10))
    if ((permille < -band * 10)); then gains=$((gains + 1)); fi
    ((permille <= band * 10))
}

write() {
    local name separator='{'
    for name in "${names[@]}"; do
        printf '%s\n    "%s": %s' "$separator" "$name" "${found[$name]}"
        separator=','
    done >"$scratch/counts"
    printf '\n}\n' >>"$scratch/counts"
    mv "$scratch/counts" "$counts"
    printf 'guard: wrote %s\n' "$counts"
}

main() {
    local update=
    case ${1:-} in
        '') ;;
        --update) update=1 ;;
        -h | --help) usage; exit 0 ;;
        *) usage; exit 64 ;;
    esac
    require
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    step 'guard: building mlx-guard (release)' "$scratch/log" \
        swift build -c release --product mlx-guard
    # Debian 12's valgrind does not read the debugging information of this compiler.
    program=$scratch/mlx-guard
    strip --strip-debug -o "$program" "$(swift build -c release --show-bin-path)/mlx-guard"
    core=$(taskset -cp $$ | sed -E 's/.*: ([0-9]+).*/\1/')
    mapfile -t names < <("$program")
    local -A found=()
    local name faults=0 gains=0
    for name in "${names[@]}"; do
        found[$name]=$(count "$name")
        if [[ -z $update ]] && ! compare "$name" "${found[$name]}"; then faults=$((faults + 1)); fi
    done
    if [[ -n $update ]]; then
        write
    elif ((faults > 0)); then
        fail "$faults of ${#names[@]} cases take over $band % more instructions" \
            'if that is meant, run scripts/guard.sh --update and say why in the commit'
    else
        printf 'guard: %d cases take at most %d %% more instructions\n' "${#names[@]}" "$band"
        if ((gains > 0)); then
            printf 'guard: %d take over %d %% less; keep that by scripts/guard.sh --update\n' \
                "$gains" "$band"
        fi
    fi
}

main "$@"
