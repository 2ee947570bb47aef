# shellcheck shell=bash
# Sourced by build: its output.

log=
current_step=

# start_log FILE: the file gets the output of the steps; the terminal gets only the titles and durations.
start_log() {
    log=$1
    : > "$log"
    trap 'report_failure $?' EXIT
    trap 'exit 130' INT TERM
}

# step TITLE COMMAND...: runs the command and prints the title with its duration.
step() {
    local title=$1 began=$SECONDS
    shift
    current_step=$title
    printf '%-24s ' "$title" >&2
    echo "== $title" >> "$log"
    "$@" >> "$log" 2>&1
    printf '%4d s\n' $((SECONDS - began)) >&2
    current_step=
}

report_failure() {
    [ "$1" -ne 0 ] && [ -n "$current_step" ] || return 0
    printf '\n' >&2
    tail -n 15 "$log" | sed 's/^/    /' >&2
    echo "error: '$current_step' failed; the complete log is $log" >&2
}

# only_one_at_a_time LOCK: a second build waits for the first, since both write the same files.
only_one_at_a_time() {
    exec 9> "$1"
    flock --nonblock 9 || { echo 'waiting for another build of Kubernetes to finish' >&2; flock 9; }
}
