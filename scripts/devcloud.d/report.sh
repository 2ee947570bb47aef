# shellcheck shell=bash
# Output: one line with the duration per step, and the reason of a failure.

die() {
	printf '\ndevcloud: %s\n' "$*" >&2
	exit 1
}

# step TITLE COMMAND...
step() {
	local title=$1 from=${EPOCHREALTIME/./} tenths
	shift
	printf '%-48s' "$title"
	"$@"
	tenths=$(((${EPOCHREALTIME/./} - from) / 100000))
	printf '%4d.%d s\n' $((tenths / 10)) $((tenths % 10))
}

# logged NAME COMMAND...  writes the output to a log; prints its end if the command fails.
logged() {
	local log=$LOG/$1.log
	shift
	"$@" >>"$log" 2>&1 </dev/null || die "$1 failed. The end of $log:"$'\n'"$(tail -n 15 "$log")"
}
