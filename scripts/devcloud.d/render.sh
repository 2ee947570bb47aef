# shellcheck shell=bash disable=SC2154 # settings.sh sets them
# Renders etc/*.conf: replaces @@NAME@@ in this shell, so that no command line has a secret.

render_configuration() {
	# shellcheck source=/dev/null
	. "$STATE/secrets"
	local file text name service_auth
	# shellcheck disable=SC2034 # read by name below
	service_auth=$(
		cat <<-EOF
			auth_type = password
			auth_url = http://$CLOUD_IP:5000/v3
			username = service
			password = $SERVICE_PASSWORD
			project_name = service
			user_domain_name = Default
			project_domain_name = Default
			region_name = RegionOne
		EOF
	)
	umask 077
	for file in "$lib"/etc/*; do
		text=$(<"$file")
		for name in STATE RUN CLOUD_IP CGROUP DB_PASSWORD RABBIT_PASSWORD METADATA_SECRET HEAT_DOMAIN_PASSWORD HEAT_KEY \
			SERVICE_PASSWORD service_auth; do
			text=${text//"@@${name^^}@@"/"${!name}"}
		done
		[[ $text != *@@* ]] || die "$file: no value for ${text#*@@}"
		printf '%s\n' "$text" >"$ETC/${file##*/}"
	done
	umask 022
}
