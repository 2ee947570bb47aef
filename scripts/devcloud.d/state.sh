# shellcheck shell=bash
# The state folder: has a marker file, is locked while it is changed, and gets its secrets once.

MARK=$STATE/.devcloud

# A folder without the marker file is never written to or deleted: it could be /home.
claim_state() {
	if [[ ! -e $MARK && -d $STATE && -n $(ls -A "$STATE") ]]; then
		die "$STATE is not empty and not a state folder of devcloud. Set KSTACK_DEVCLOUD to another folder."
	fi
	mkdir -p "$STATE"
	chmod 711 "$STATE" # MariaDB runs as its own user and must reach its folder
	touch "$MARK"
	mkdir -p "$ETC" "$LOG" "$STATE"/{tmp,lock,glance,keystone,nova,neutron}
	chmod 700 "$ETC" "$LOG" "$STATE"/{tmp,lock,glance,keystone,nova}
	chmod 755 "$STATE/neutron" # dnsmasq runs as nobody and reads its hosts there
	make_secrets
}

make_secrets() {
	local name file=$STATE/secrets
	if [[ ! -s $file ]]; then
		(umask 077 && for name in DB_PASSWORD RABBIT_PASSWORD SERVICE_PASSWORD ADMIN_PASSWORD DEMO_PASSWORD \
			HEAT_DOMAIN_PASSWORD METADATA_SECRET HEAT_KEY; do
			# Not openssl: nothing is installed yet.
			printf '%s=%s\n' "$name" "$(od -A n -t x1 -N 16 /dev/urandom | tr -d ' \n')"
		done >"$file.new")
		mv "$file.new" "$file"
	fi
}

# make_cache_folder FOLDER  new folders get the owner of the existing parent, who is not root under sudo.
make_cache_folder() {
	local existing=$1 made=
	while [[ ! -d $existing ]]; do
		made=$existing
		existing=$(dirname "$existing")
	done
	mkdir -p "$1"
	[[ -z $made ]] || chown -R --reference="$existing" "$made"
}

# Only one devcloud command at a time changes a cloud. The lock is beside the folder, and is deleted with it.
lock_state() {
	exec 9>>"$STATE.lock"
	flock -n 9 || {
		echo "devcloud: waiting for another devcloud command to finish" >&2
		flock -w 900 9 || die "another devcloud command has held $STATE.lock for 15 minutes"
	}
}

# write_clouds_yaml: the clients' credentials, for root and for whoever called sudo.
write_clouds_yaml() {
	local file=$STATE/clouds.yaml
	(
		umask 077
		# shellcheck source=/dev/null
		. "$STATE/secrets"
		{
			echo 'clouds:'
			cloud_entry devcloud demo "$DEMO_PASSWORD"
			cloud_entry devcloud-admin admin "$ADMIN_PASSWORD"
		} >"$file.new"
	)
	chown "${SUDO_UID:-0}:${SUDO_GID:-0}" "$file.new"
	mv "$file.new" "$file"
}

# cloud_entry CLOUD USER PASSWORD  the project has the user's name
cloud_entry() {
	cat <<-EOF
		  $1:
		    auth:
		      auth_url: http://$CLOUD_IP:5000/v3
		      username: $2
		      password: $3
		      project_name: $2
		      user_domain_name: Default
		      project_domain_name: Default
		    region_name: RegionOne
		    identity_api_version: 3
	EOF
}
