# shellcheck shell=bash
# The nodes: servers on the real compute, each a system container with its state in nova/instances/ID/.
# These functions run inside the cloud's namespaces.

# each_node: "ID NAME PID" per node; PID is that of the node's first process, or - if the node is off.
each_node() {
	local file folder name supervisor started init
	for file in "$STATE"/nova/instances/*/node.json; do
		[[ -e $file ]] || continue
		folder=${file%/node.json}
		name=$(sed -n 's/.*"hostname": "\([^"]*\)".*/\1/p' "$file")
		init=-
		if read -r supervisor started 2>/dev/null <"$folder/pid" && [[ $(start_time "$supervisor") == "$started" ]]; then
			init=$(awk '{print $1}' "/proc/$supervisor/task/$supervisor/children" 2>/dev/null || true)
		fi
		echo "${folder##*/} $name ${init:--}"
	done
}

print_nodes() {
	local id name init memory
	printf '\n%-24s %-36s %6s %8s\n' NODE ID PID RSS_MB
	while read -r id name init; do
		memory=-
		if [[ $init != - ]]; then memory=$(node_memory "$id"); fi
		printf '%-24s %-36s %6s %8s\n' "$name" "$id" "$init" "$memory"
	done < <(each_node)
}

# node_memory ID  MB of memory, without page cache
node_memory() {
	local file
	for file in "/sys/fs/cgroup/memory/$CGROUP/$1/memory.stat" "/sys/fs/cgroup/$CGROUP/$1/memory.stat"; do
		if [[ -e $file ]]; then awk '$1 == "total_rss" || $1 == "anon" {print int($2 / 1048576)}' "$file"; fi
	done
}

# find_node NAME-OR-ID  the PID of its first process
find_node() {
	local id name init found=
	while read -r id name init; do
		if [[ $1 == "$name" || $1 == "$id" ]]; then
			[[ -z $found ]] || die "there are several nodes named $1: use the ID"
			[[ $init != - ]] || die "node $1 is off"
			found=$init
		fi
	done < <(each_node)
	[[ -n $found ]] || die "there is no node $1; see scripts/devcloud status"
	echo "$found"
}

# power_off_nodes SECONDS  by a regular shutdown, so that databases on them stay consistent.
power_off_nodes() {
	local until=$((SECONDS + $1)) id name init
	while read -r id name init; do
		if [[ $init != - ]]; then kill -s RTMIN+4 "$init" 2>/dev/null || true; fi
	done < <(each_node)
	while ((SECONDS < until)) && each_node | grep -qv ' -$'; do sleep 0.2; done
}
