# shellcheck shell=bash
# Sourced by the scripts that run a few long commands: one line a step.

# step NAME LOG COMMAND…: runs the command with its output in the file LOG, and prints the name and
# the seconds it took. The output is shown only when the command fails; its status is passed on.
step() {
    local name=$1 log=$2 started=$SECONDS status=0
    shift 2
    printf '%s ... ' "$name"
    "$@" >"$log" 2>&1 </dev/null || status=$?
    if ((status != 0)); then
        printf 'failed after %d s:\n' "$((SECONDS - started))"
        tail -n 200 "$log" >&2
        return "$status"
    fi
    printf '%d s\n' "$((SECONDS - started))"
}
