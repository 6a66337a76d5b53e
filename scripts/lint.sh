#!/usr/bin/env bash
# Format, file sizes, import layers, forbidden words, tracked files, shell scripts.
set -euo pipefail

usage() {
    cat <<'EOF'
Usage: scripts/lint.sh [-h]

Checks the working tree in a few seconds and prints one line a fault, as FILE:LINE: WHAT.
Exits 1 if there is one.
EOF
}

cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly size_limit=500 column_limit=100 byte_limit=1048576

# Longer than the limit by nature: tables of facts and forwards.
readonly -A long_files=(
    [Sources/MLX/Array/MLXArray+Ops.swift]=1
    [Sources/MLX/Transforms/Compile+Overloads.swift]=1
)

# Imports run downward: a module imports modules of lower levels only.
readonly -A levels=(
    [CKernels]=0 [COpenBLAS]=0 [CMPI]=0 [CSystem]=0 [CZeroMQ]=0 [CZlib]=0
    [MLX]=1
    [MLXRandom]=2 [MLXLinalg]=2 [MLXFFT]=2 [MLXFast]=2
    [MLXNN]=3
    [MLXOptimizers]=4 [MLXDistributed]=4 [MLXLMCommon]=4
    [MLXDistributedMPI]=5 [MLXDistributedZMQ]=5 [MLXLLM]=5
    [MLXLaunch]=1 [MLXHub]=1
    [MLXTrain]=6
    [mlx-train]=7 [mlx-launch]=7 [mlx-lm]=7
)

# Who may import a C module, and which.
readonly -A c_imports=(
    [MLX]=' CKernels COpenBLAS CSystem CZlib '
    [MLXDistributed]=' CKernels CSystem '
    [MLXDistributedMPI]=' CMPI CSystem '
    [MLXLaunch]=' CSystem '
    [MLXDistributedZMQ]=' CKernels CZeroMQ '
    [MLXTrain]=' CSystem CZlib '
)

# The one place where an error without a handler ends the process.
readonly error_handler=Sources/MLX/Array/ErrorHandler.swift

readonly top_level=' Package.swift Sources Tests launch configs README.md CONTRIBUTING.md scripts Benchmarks '

faults=0

fault() {
    printf '%s\n' "$1"
    faults=$((faults + 1))
}

# Each line of the input is a fault.
faults_from_input() {
    local line
    while IFS= read -r line; do fault "$line"; done
}

# The project's files that git tracks or would track, with one of the suffixes; outside a git
# working tree, those that are there.
files() {
    local suffix
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        local -a patterns=()
        for suffix in "$@"; do patterns+=("*$suffix"); done
        git ls-files --cached --others --exclude-standard -- "${patterns[@]}"
    else
        for suffix in "$@"; do
            find . -name '.build*' -prune -o -type f -name "*$suffix" -print | sed 's|^\./||'
        done
    fi | sort -u | while IFS= read -r file; do
        if [[ -f $file ]]; then printf '%s\n' "$file"; fi
    done
}

check_format() {
    local -a paths=(Package.swift)
    local path
    for path in Sources Tests Benchmarks; do
        if [[ -d $path ]]; then paths+=("$path"); fi
    done
    faults_from_input < <(
        { swift format lint --strict --recursive --parallel "${paths[@]}" 2>&1 || true; } \
            | sed -e "s|^$PWD/||" -e '/: note: /d'
    )
}

check_sizes() {
    local file lines
    for file in "${sources[@]}"; do
        lines=$(wc -l <"$file")
        if ((lines > size_limit)) && [[ -z ${long_files[$file]:-} ]]; then
            fault "$file:$lines: longer than $size_limit lines"
        fi
    done
    # In a locale of UTF-8, where a column is a character.
    LC_ALL=C.UTF-8 forbid "^.{$((column_limit + 1))}" "longer than $column_limit columns" "${c_files[@]}"
}

# FILE:LINE:MODULE for every import of a Swift file under Sources.
imports() {
    if ((${#module_files[@]} == 0)); then return; fi
    awk '
        /^[ \t]*(@[A-Za-z_()]+[ \t]+)*((public|package|internal|fileprivate|private)[ \t]+)?import[ \t]/ {
            line = $0
            sub(/^.*import[ \t]+/, "", line)
            sub(/^(struct|class|enum|protocol|func|var|let|typealias)[ \t]+/, "", line)
            sub(/[^A-Za-z0-9_].*$/, "", line)
            print FILENAME ":" FNR ":" line
        }
    ' "${module_files[@]}"
}

# check_import FILE LINE MODULE
check_import() {
    local file=$1 line=$2 imported=$3 importer=$1
    importer=${importer#Sources/}
    importer=${importer%%/*}
    # mlx-swift's API of wired memory names Foundation's Date and UUID.
    if [[ $importer == MLX && $imported == Foundation* && $file != Sources/MLX/IO/* \
        && $file != Sources/MLX/Memory/WiredMemory* ]]; then
        fault "$file:$line: Foundation in module MLX stays under Sources/MLX/IO"
    fi
    if [[ -z ${levels[$imported]:-} ]]; then return; fi
    if ((${levels[$imported]} >= ${levels[$importer]:-0})); then
        fault "$file:$line: $importer imports $imported, which is not below it"
    elif ((${levels[$imported]} == 0)) && [[ ${c_imports[$importer]:-} != *" $imported "* ]]; then
        fault "$file:$line: $importer imports the C module $imported"
    fi
}

check_layers() {
    local folder
    for folder in Sources/*/; do
        folder=${folder#Sources/}
        folder=${folder%/}
        if [[ -z ${levels[$folder]:-} ]]; then
            fault "Sources/$folder:1: the module has no level in scripts/lint.sh"
        fi
    done
    local file line imported
    while IFS=: read -r file line imported; do
        check_import "$file" "$line" "$imported"
    done < <(imports)
}

# forbid PATTERN WHAT FILE…
forbid() {
    local pattern=$1 what=$2
    shift 2
    if (($# == 0)); then return; fi
    faults_from_input < <(
        { grep -HnE -- "$pattern" "$@" || true; } | sed -E "s|^([^:]+:[0-9]+):.*|\1: $what|"
    )
}

check_words() {
    local -a others=()
    local file
    for file in "${module_files[@]}"; do
        if [[ $file != "$error_handler" ]]; then others+=("$file"); fi
    done
    forbid '\b(TO''DO|FIX''ME)\b' 'a note of unfinished work' "${sources[@]}" "${shells[@]}"
    forbid '\btry!' 'a try that ends the process; use try or #require' "${swift_files[@]}"
    forbid '\bfatalError\(' "fatalError outside $error_handler" "${others[@]}"
}

check_tracked() {
    if ! git rev-parse --is-inside-work-tree >/dev/null 2>&1; then return; fi
    local file top
    while IFS= read -r -d '' file; do
        top=${file%%/*}
        if [[ $file == .build* || $file == */.build* || ${file##*/} == Package.resolved ]]; then
            fault "$file:1: built or resolved here; it does not belong in git"
        elif [[ $top != .* && $top_level != *" $top "* ]]; then
            fault "$file:1: $top does not belong at the top level"
        elif [[ -f $file ]] && (($(stat -c %s "$file") > byte_limit)); then
            fault "$file:1: larger than 1 MiB"
        fi
    done < <(git ls-files -z)
}

check_shells() {
    local file message
    for file in "${shells[@]}"; do
        if [[ $(head -c 2 "$file") == '#!' && ! -x $file ]]; then
            fault "$file:1: starts with #! and is not executable"
        fi
        if ! message=$(bash -n "$file" 2>&1); then
            fault "$(sed -nE '1s|^([^:]+): line ([0-9]+): (.*)|\1:\2: \3|p' <<<"$message")"
        fi
    done
}

main() {
    if (($# > 0)); then
        usage
        if [[ $1 == -h || $1 == --help ]]; then exit 0; fi
        exit 64
    fi
    mapfile -t swift_files < <(files .swift)
    mapfile -t module_files < <(files .swift | grep '^Sources/' || true)
    mapfile -t c_files < <(files .c .h)
    mapfile -t shells < <(files .sh .sbatch .ci/run)
    sources=("${swift_files[@]}" "${c_files[@]}")
    check_sizes
    check_layers
    check_words
    check_tracked
    check_shells
    check_format
    if ((faults > 0)); then
        printf 'lint: %d faults\n' "$faults" >&2
        exit 1
    fi
    printf 'lint: %d files, no fault\n' "$((${#sources[@]} + ${#shells[@]}))"
}

main "$@"
