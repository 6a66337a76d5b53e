#!/usr/bin/env bash
# Installs the system packages that this project needs and this machine lacks.
set -euo pipefail

usage() {
    cat <<'EOF'
Usage: scripts/setup.sh [-h] [--tests] [--guard]

Installs by apt what a build, a test run or the fetching of data needs and this machine lacks, as
root or through sudo. Prints one line a step, and nothing when nothing is missing. On a system
without apt it names what is missing. The Swift toolchain itself is not installed, only checked.
With --tests it also tries to install what single tests use, and goes on without where it cannot.
With --guard it also installs what scripts/guard.sh needs.
EOF
}

readonly minimum_major=6 minimum_minor=2

packages=()
reasons=()
guard=

say() { printf 'setup: %s\n' "$*"; }

fail() {
    printf 'setup: %s\n' "$@" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# need PACKAGE REASON: the package is missing.
need() {
    packages+=("$1")
    reasons+=("$2")
}

# Shared libraries that the toolchain's programs link and the system lacks.
missing_toolchain_libraries() {
    local folder name
    folder=$(dirname "$(readlink -f "$(command -v swift)")")
    for name in swift-build swift-frontend clang; do
        if [[ -x $folder/$name ]]; then ldd "$folder/$name" 2>/dev/null || true; fi
    done | awk '/not found/ { print $1 }' | sort -u
}

need_toolchain_libraries() {
    local library
    for library in $(missing_toolchain_libraries); do
        case $library in
            libcurl.so.4) need libcurl4 'the Swift package manager loads it' ;;
            libedit.so.2) need libedit2 'the Swift compiler loads it' ;;
            libncurses.so.6 | libtinfo.so.6 | libform.so.6 | libpanel.so.6)
                need libncurses6 'the Swift compiler loads it'
                ;;
            libsqlite3.so.0) need libsqlite3-0 'the Swift package manager loads it' ;;
            libxml2.so.2) need libxml2 'the Swift compiler loads it' ;;
            libz.so.1) need zlib1g 'the Swift compiler loads it' ;;
            libstdc++.so.6) need libstdc++6 'the Swift compiler loads it' ;;
            *) fail "the Swift toolchain needs $library, which this system lacks" ;;
        esac
    done
}

need_build_tools() {
    have git || need git 'the Swift package manager fetches packages with it'
    [[ -e /etc/ssl/certs/ca-certificates.crt || -e /etc/pki/tls/certs/ca-bundle.crt ]] \
        || need ca-certificates 'packages are fetched over TLS'
    [[ -e /usr/include/stdlib.h ]] || need libc6-dev 'headers of the C library'
    compgen -G '/usr/lib/gcc/*/*/crtbegin.o' >/dev/null || need gcc 'start files of a program'
    have ld || need binutils 'the linker'
    have pkg-config || need pkg-config 'tells the Swift package manager where C libraries are'
}

# has_library NAME: the headers of a C library are there, as pkg-config tells.
has_library() { have pkg-config && pkg-config --exists "$1"; }

has_open_mpi() { have mpirun && [[ $(mpirun --version 2>/dev/null) == *"Open MPI"* ]]; }

need_libraries() {
    has_library openblas || need libopenblas-dev 'matrix products'
    has_library ompi-c || need libopenmpi-dev 'communication between processes'
    has_open_mpi || need openmpi-bin 'mpirun'
    has_library libzmq || need libzmq3-dev 'communication between processes without MPI'
    has_library zlib || need zlib1g-dev 'compressed datasets'
    python3 -m pip --version >/dev/null 2>&1 || need python3-pip 'scripts/fetch-data.sh'
}

find_missing() {
    packages=()
    reasons=()
    need_toolchain_libraries
    need_build_tools
    need_libraries
    if [[ -n $guard ]]; then have valgrind || need valgrind 'scripts/guard.sh counts with it'; fi
}

print_missing() {
    local index
    for index in "${!packages[@]}"; do
        printf 'setup: missing: %s (%s)\n' "${packages[index]}" "${reasons[index]}"
    done
}

# apt ARGUMENT…: apt-get without a question, as root; waits for another apt that holds the lock.
apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" </dev/null
}

install_once() {
    apt update || true
    apt install --no-install-recommends "${packages[@]}"
}

install_missing() {
    local log
    log=$(mktemp)
    say "installing ${packages[*]}"
    if ! install_once >"$log" 2>&1; then
        say 'that failed; trying once more'
        if ! install_once >"$log" 2>&1; then
            tail -n 20 "$log" >&2
            rm -f "$log"
            fail "apt could not install: ${packages[*]}"
        fi
    fi
    rm -f "$log"
}

# How a command runs as root: nothing before it, or sudo, which asks only where somebody can answer.
choose_root() {
    as_root=()
    if ((EUID == 0)); then return; fi
    if have sudo && { sudo -n true 2>/dev/null || [[ -t 0 ]]; }; then
        as_root=(sudo)
        return
    fi
    print_missing >&2
    fail 'neither root nor sudo without a password; ask an administrator to run:' \
        "  apt-get update && apt-get install -y ${packages[*]}"
}

# What single tests use, which are skipped without it: no reason to stop.
try_test_tools() {
    if ! have apt-get; then return; fi
    packages=()
    if ! have strace; then packages+=(strace); fi
    if ! have nft && [[ ! -x /usr/sbin/nft ]]; then packages+=(nftables); fi
    if ((${#packages[@]} == 0)); then return; fi
    as_root=()
    if ((EUID != 0)); then
        if ! have sudo || ! sudo -n true 2>/dev/null; then return; fi
        as_root=(sudo)
    fi
    say "installing ${packages[*]}"
    install_once >/dev/null 2>&1 \
        || say "${packages[*]} cannot be had; the tests that need it are skipped"
}

check_swift() {
    local version
    version=$(swift --version 2>/dev/null | sed -nE 's/.*Swift version ([0-9]+\.[0-9]+).*/\1/p') || true
    if [[ -z $version ]]; then fail "'swift --version' does not answer; is the toolchain whole?"; fi
    local major=${version%%.*} minor=${version#*.}
    if ((major < minimum_major || (major == minimum_major && minor < minimum_minor))); then
        fail "Swift $version is too old: $minimum_major.$minimum_minor or later is needed"
    fi
}

main() {
    local for_tests=0
    while (($# > 0)); do
        case $1 in
            --tests) for_tests=1 ;;
            --guard) guard=1 ;;
            -h | --help) usage; exit 0 ;;
            *) usage; exit 64 ;;
        esac
        shift
    done
    have swift || fail "no 'swift' on the PATH; Swift $minimum_major.$minimum_minor or later is needed (swift.org/install)"
    find_missing
    if ((${#packages[@]} > 0)); then
        if ! have apt-get; then
            print_missing >&2
            fail 'these are Debian names; install the same software by this system'\''s own means'
        fi
        choose_root
        install_missing
        find_missing
        if ((${#packages[@]} > 0)); then
            print_missing >&2
            fail 'apt installed these, but they are still not found'
        fi
    fi
    check_swift
    if ((for_tests)); then try_test_tools; fi
}

main "$@"
