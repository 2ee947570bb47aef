# shellcheck shell=bash disable=SC2154 # settings.sh sets them
# The commands. "inside" commands are the parts that run in the cloud's namespaces.

command_up() {
	local fakes=
	while (($#)); do
		case $1 in
		--fake) fakes=${2:-} && shift ;;
		--fake=*) fakes=${1#*=} ;;
		*) die "up: unknown argument $1. See scripts/devcloud help" ;;
		esac
		shift
	done
	claim_state
	lock_state
	[[ -n $fakes ]] || fakes=$(cat "$STATE/fakes" 2>/dev/null || echo 1)
	[[ $fakes =~ ^[0-9]+$ ]] || die "--fake must be a number, but is $fakes"
	packages_installed || step "install packages" install_packages
	write_clouds_yaml
	raise_limits
	# The services load files of the clone that started them. If it has been deleted, they are started again.
	if holder_pid >/dev/null && [[ ! -d $(cat "$STATE/clone" 2>/dev/null) ]]; then stop_cloud; fi
	if ! holder_pid >/dev/null; then
		step "create namespaces" start_holder
		echo "$here" >"$STATE/clone"
	fi
	inside "$here/devcloud" inside up "$fakes"
	echo "$fakes" >"$STATE/fakes"
	echo "The cloud is up.  eval \"\$($here/devcloud env)\"; openstack catalog list"
}

inside_up() {
	render_configuration
	step "start MariaDB, RabbitMQ, memcached" start_stores
	[[ -e $STATE/databases-filled ]] || step "fill databases" fill_databases
	[[ -e $STATE/keystone-filled ]] || step "fill Keystone" fill_keystone
	step "start Keystone, Placement" start_identity
	step "start Nova, Neutron, Heat, Glance" start_control
	start_network
	start_computes "$1"
	step "wait for computes and agents" fill_cloud "$1"
}

command_down() {
	[[ -e $MARK ]] || die "there is no cloud in $STATE"
	lock_state
	stop_cloud
}

stop_cloud() {
	if holder_pid >/dev/null; then
		# With a time limit: deleting the namespaces stops what has not stopped by then.
		limit=90 step "stop services and nodes" inside "$here/devcloud" inside down || true
		step "delete namespaces" kill_holder
	fi
	remove_cgroups
}

# Nova is first: if it saw its servers stop, it would not start them again. The database is last.
inside_down() {
	local names
	mapfile -t names < <(services | grep -v '^mariadb$')
	stop_services 3 nova-real1
	power_off_nodes 20
	stop_services 5 "${names[@]}"
	stop_services 30 mariadb
}

command_status() {
	local holder
	if ! holder=$(holder_pid); then
		echo "The cloud in $STATE is not running."
		return 3
	fi
	echo "state $STATE, APIs at $CLOUD_IP, link $LINK, first process $holder; PIDs are those of its namespace"
	inside "$here/devcloud" inside status
}

inside_status() {
	print_services
	print_nodes
}

command_env() {
	[[ -s $STATE/clouds.yaml ]] || die "there is no cloud in $STATE. Start it: scripts/devcloud up"
	echo "export OS_CLIENT_CONFIG_FILE=$STATE/clouds.yaml OS_CLOUD=devcloud"
	if [[ -n ${http_proxy:-}${HTTP_PROXY:-} ]]; then
		echo "export no_proxy=${no_proxy:+$no_proxy,}$CLOUD_IP NO_PROXY=${no_proxy:+$no_proxy,}$CLOUD_IP"
	fi
}

command_exec() {
	(($# >= 2)) || die "exec: missing argument NODE or CMD. See scripts/devcloud help"
	inside "$here/devcloud" inside exec "$@"
}

inside_exec() {
	local init
	init=$(find_node "$1")
	shift
	exec nsenter --target "$init" --all --wdns=/ -- "$@"
}

# reset: works in any state, also after an interrupted up or reset.
command_reset() {
	if [[ ! -e $MARK ]]; then
		[[ ! -d $STATE || -z $(ls -A "$STATE") ]] || die "$STATE is not a state folder of devcloud: not deleted"
	fi
	lock_state
	kill_holder
	remove_cgroups
	restore_limits
	rm -rf --one-file-system "$STATE" "$STATE.lock"
}

command_inside() { "inside_$1" "${@:2}"; }
