# shellcheck shell=bash
# Services as background processes. These functions run inside the cloud's namespaces.

# PIDs are reused, so a PID file has the PID and the start time.
start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# pid_of SERVICE
pid_of() {
	local pid started
	read -r pid started 2>/dev/null <"$RUN/pid/$1" || return 1
	[[ $(start_time "$pid") == "$started" ]] && echo "$pid"
}

# service NAME COMMAND...  starts it in a session of its own, unless it is running.
service() {
	local name=$1
	shift
	if pid_of "$name" >/dev/null; then return 0; fi
	mkdir -p "$RUN/pid"
	rm -f "$RUN/pid/$name" "$RUN/settled"
	# shellcheck disable=SC2016 # the inner shell expands the variables; the service has its PID
	TMPDIR=$STATE/tmp setsid bash -c '
		file=$0
		echo "$$ $(sed "s/.*) //" "/proc/$$/stat" | cut -d" " -f20)" >"$file.new" && mv "$file.new" "$file"
		exec "$@"' "$RUN/pid/$name" "$@" >>"$LOG/$name.log" 2>&1 </dev/null &
}

services() { find "$RUN/pid" -type f ! -name '*.new' -printf '%f\n' 2>/dev/null | sort; }

# signal_service SIGNAL NAME  to its whole process group
signal_service() {
	local pid
	if pid=$(pid_of "$2"); then kill "-$1" -- "-$pid" 2>/dev/null || true; fi
}

# stop_services SECONDS NAME...  with SIGTERM for all of them, then SIGKILL after the timeout.
stop_services() {
	local until=$((SECONDS + $1)) name
	shift
	for name in "$@"; do signal_service TERM "$name"; done
	for name in "$@"; do
		while pid_of "$name" >/dev/null && ((SECONDS < until)); do sleep 0.1; done
		signal_service KILL "$name"
		rm -f "$RUN/pid/$name"
	done
}

# wait_port NAME PORT [ADDRESS]  fails immediately if the service has ended.
wait_port() {
	local name=$1 port=$2 address=${3:-$CLOUD_IP} until=$((SECONDS + 120))
	until (exec 3<>"/dev/tcp/$address/$port") 2>/dev/null; do
		[[ ! -e $RUN/pid/$name ]] || pid_of "$name" >/dev/null ||
			die "$name has ended. The end of $LOG/$name.log:"$'\n'"$(tail -n 15 "$LOG/$name.log")"
		((SECONDS < until)) || die "$name does not listen on $address:$port after 2 minutes; see $LOG/$name.log"
		sleep 0.1
	done
}

# print_services: PID, processes, memory. PSS divides shared pages among the processes, so its sum is the real usage.
print_services() {
	local name pid member
	printf '%-18s %6s %6s %8s %8s\n' SERVICE PID PROCS RSS_MB PSS_MB
	for name in $(services); do
		if pid=$(pid_of "$name"); then
			ps -o pid= -s "$pid" | while read -r member; do cat "/proc/$member/smaps_rollup" 2>/dev/null || true; done |
				awk -v name="$name" -v pid="$pid" '/^Rss/ {n++; r += $2} /^Pss:/ {p += $2}
					END {printf "%-18s %6d %6d %8d %8d\n", name, pid, n, r / 1024, p / 1024}'
		else
			printf '%-18s   not running: see %s\n' "$name" "$LOG/$name.log"
		fi
	done | sort -k 5,5nr | awk '{print; r += $4; p += $5} END {printf "%-32s %8d %8d\n", "total", r, p}'
}
