# shellcheck shell=bash
# The nodes' cgroups: below one folder of ours in each hierarchy (v1), or in the only one (v2).

our_cgroups() {
	local top
	for top in /sys/fs/cgroup/"$CGROUP" /sys/fs/cgroup/*/"$CGROUP"; do
		if [[ -d $top ]]; then echo "$top"; fi
	done
}

# remove_cgroups: they empty themselves when the processes have gone, which takes the kernel a moment.
remove_cgroups() {
	local top try
	for top in $(our_cgroups); do
		for try in {1..50}; do
			find "$top" -depth -type d -exec rmdir {} \; 2>/dev/null || true
			[[ -d $top ]] || break
			sleep 0.1
		done
		[[ ! -d $top ]] || die "cgroup $top still holds processes after $((try / 10)) s"
	done
}
