# shellcheck shell=bash disable=SC2154 # settings.sh has them
# The cloud's own mount, network, PID and host name namespaces, and the one veth pair that joins them to this machine.
# The PID namespace makes the end certain: when its first process (holder) dies, the kernel kills everything in it,
# and mounts, loop devices, network namespaces, bridges and the veth pair go with the last process.

# holder_pid: the PID, as this machine sees it, of the holder for our state folder; found by what it is, since a PID
# remembered in a file may by now be somebody else.
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

# [limit=SECONDS] inside COMMAND...  runs it in the cloud's namespaces, without our lock's descriptor.
inside() {
	local holder
	holder=$(holder_pid) || die "the cloud is not running. Start it: scripts/devcloud up"
	${limit:+timeout -k 5 "$limit"} nsenter --target "$holder" --mount --net --pid --uts --wdns=/ -- "$@" 9>&-
}

# All nodes' programs belong to one user here, and each node takes about ten inotify instances: the usual 128 would be
# used up by a dozen nodes, and the next one would not come to the end of its boot.
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
	wait_for_link_to_go
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

# A namespace is taken down by the kernel in the background: its link may outlive the last process for a moment.
wait_for_link_to_go() {
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

# kill_holder: ends every process of the cloud, whatever state it is in.
kill_holder() {
	local holder _try
	while holder=$(holder_pid); do
		kill -KILL "$holder" 2>/dev/null || true
		for _try in {1..100}; do
			[[ -d /proc/$holder ]] || break
			sleep 0.1
		done
		[[ ! -d /proc/$holder ]] || die "process $holder does not die"
	done
	for _try in {1..100}; do
		[[ -e /sys/class/net/$LINK ]] || break
		sleep 0.1
	done
}
