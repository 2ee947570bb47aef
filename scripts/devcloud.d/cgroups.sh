# shellcheck shell=bash
# The cgroups of the nodes: below one folder in each hierarchy (v1), or in the only one (v2).

our_cgroups() {
	local top
	for top in /sys/fs/cgroup/"$CGROUP" /sys/fs/cgroup/*/"$CGROUP"; do
		if [[ -d $top ]]; then echo "$top"; fi
	done
}

# remove_cgroups: retries, because the kernel removes the ended processes from them with a delay.
remove_cgroups() {
	local top try
	for top in $(our_cgroups); do
		for try in {1..50}; do
			find "$top" -depth -type d -exec rmdir {} \; 2>/dev/null || true
			[[ -d $top ]] || break
			sleep 0.1
		done
		[[ ! -d $top ]] || die "cgroup $top still has processes after $((try / 10)) s"
	done
}
