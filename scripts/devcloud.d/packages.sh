# shellcheck shell=bash
# The Debian packages of the cloud. Their installation starts no services; devcloud starts its own.

# Without nova-compute, which depends on libvirt and an emulator; compute/run replaces its program.
PACKAGES=(
	keystone glance-api placement-api nova-api nova-conductor nova-scheduler
	neutron-server neutron-linuxbridge-agent neutron-dhcp-agent neutron-l3-agent neutron-metadata-agent
	heat-api heat-engine python3-openstackclient python3-heatclient
	mariadb-server rabbitmq-server memcached python3-memcache uwsgi-plugin-python3 libeatmydata1
	qemu-utils systemd-container ebtables iptables ipset conntrack bridge-utils iproute2 fdisk
	python3-fixtures # Nova's fake driver imports it
	curl procps
)

packages_installed() {
	local state count
	state=$(dpkg-query -W -f '${db:Status-Abbrev}\n' "${PACKAGES[@]}" 2>/dev/null) || return 1
	count=$(grep -c '^ii' <<<"$state")
	[[ $count -eq ${#PACKAGES[@]} ]]
}

install_packages() {
	local policy=/usr/sbin/policy-rc.d units
	if [[ ! -e $policy ]]; then
		printf '#!/bin/sh\n# made by devcloud during an installation\nexit 101\n' >"$policy"
		chmod 755 "$policy"
		# shellcheck disable=SC2064 # the path is known now
		trap "rm -f '$policy'" EXIT
	fi
	units=$(enabled_units)
	export DEBIAN_FRONTEND=noninteractive
	logged apt apt-get -q -o DPkg::Lock::Timeout=900 update
	logged apt apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=900 -o Dpkg::Options::=--force-unsafe-io \
		-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold install "${PACKAGES[@]}"
	disable_new_units "$units"
	if grep -qs 'made by devcloud' "$policy"; then
		rm -f "$policy"
		trap - EXIT
	fi
}

enabled_units() { find /etc/systemd/system -path '*.wants/*' -type l -printf '%f\n' 2>/dev/null | sort -u; }

# With systemd, the services of the packages would start at the next boot. (Not tested on a machine with systemd.)
disable_new_units() {
	[[ -d /run/systemd/system ]] || return 0
	local unit
	for unit in $(comm -13 <(echo "$1") <(enabled_units)); do
		logged apt systemctl disable "$unit"
	done
}

# The versions on which the schema of a new database depends.
package_versions() {
	dpkg-query -W -f '${Package}=${Version}\n' python3-keystone python3-glance python3-placement python3-nova \
		python3-neutron python3-heat mariadb-server | sort
}
