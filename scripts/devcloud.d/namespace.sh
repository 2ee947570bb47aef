# shellcheck shell=bash disable=SC2154 # settings.sh sets them
# The cloud's mount, network, PID and host name namespaces, and the veth pair that connects them to this machine. When
# the first process of the PID namespace (holder) ends, the kernel kills all other processes in it. With the last one,
# mounts, loop devices, network namespaces, bridges and the veth pair are removed.

# holder_pid: the holder's PID on this machine, for the state folder. It is found by its command line, since a PID from a
# file can be that of another process by now.
holder_pid() {
	local file pid
	for file in $(grep -lzFx -e "$STATE" /proc/[0-9]*/cmdline 2>/dev/null || true); do
		pid=${file#/proc/}
		pid=${pid%/cmdline}
		if tr '\0' '\n' 2>/dev/null <"$file" | sed -n 2p | grep -q '/devcloud.d/holder$' &&
			grep -q '^NSpid:.*[[:space:]][0-9][0-9]*[[:space:]]1$' "/proc/$pid/status" 2>/dev/null; then
			echo "$pid"
			return 0
		fi
	done
	return 1
}

# [limit=SECONDS] inside COMMAND...  runs it in the cloud's namespaces, without the file descriptor of the lock.
inside() {
	local holder
	holder=$(holder_pid) || die "the cloud is not running. Start it: scripts/devcloud up"
	${limit:+timeout -k 5 "$limit"} nsenter --target "$holder" --mount --net --pid --uts --wdns=/ -- "$@" 9>&-
}

# All programs of all nodes belong to one user here, and each node needs about ten inotify instances. With the usual limit
# of 128, the boot of a thirteenth node would not finish.
instances=/proc/sys/fs/inotify/max_user_instances
raise_limits() {
	(($(<"$instances") < 1024)) || return 0
	cat "$instances" >"$STATE/max_user_instances"
	echo 1024 >"$instances"
}

restore_limits() {
	[[ ! -s $STATE/max_user_instances ]] || cat "$STATE/max_user_instances" >"$instances"
}

start_holder() {
	local try holder
	remove_cgroups
	wait_for_link_removal
	rm -rf "$LOG.old"
	mv "$LOG" "$LOG.old"
	mkdir -m 700 "$LOG"
	setsid unshare --mount --net --pid --uts --fork --propagation private \
		"$lib/holder" "$STATE" "$RUN" "$CLOUD_IP" </dev/null >"$LOG/holder.log" 2>&1 9>&- &
	for try in {1..100}; do
		if holder=$(holder_pid) && [[ -e /proc/$holder/root$RUN/ready ]]; then
			join_host "$holder"
			return 0
		fi
		sleep 0.1
	done
	die "no namespaces after $((try / 10)) s: $(cat "$LOG/holder.log")"
}

# The kernel deletes a namespace in the background: its link can exist for a moment after the last process has ended.
wait_for_link_removal() {
	local other _try
	for _try in {1..50}; do
		[[ -e /sys/class/net/$LINK ]] || break
		sleep 0.1
	done
	[[ ! -e /sys/class/net/$LINK ]] ||
		die "another cloud uses $SUBNET (link $LINK). Stop it, or set KSTACK_DEVCLOUD_SUBNET."
	other=$(ip -4 route show root "$SUBNET")
	[[ -z $other ]] || die "$SUBNET is in use on this machine ($other). Set KSTACK_DEVCLOUD_SUBNET to a free one."
}

join_host() {
	ip link add "$LINK" type veth peer name uplink netns "$1"
	nsenter --target "$1" --net ip link set uplink master br-ex up
	ip address add "$HOST_IP/24" dev "$LINK"
	ip link set "$LINK" up
}

# kill_holder: kills every process of the cloud.
kill_holder() {
	local holder _try
	while holder=$(holder_pid); do
		kill -KILL "$holder" 2>/dev/null || true
		for _try in {1..100}; do
			[[ -d /proc/$holder ]] || break
			sleep 0.1
		done
		[[ ! -d /proc/$holder ]] || die "process $holder was killed but has not ended"
	done
	for _try in {1..100}; do
		[[ -e /sys/class/net/$LINK ]] || break
		sleep 0.1
	done
}
