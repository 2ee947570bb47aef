# shellcheck shell=bash disable=SC2154 # settings.sh sets them
# The services, in the order of their start.

start_rabbitmq() {
	# The queues are not needed after a stop, and files of a killed RabbitMQ can be damaged, so they are in the volatile folder.
	mkdir -p "$RUN/rabbitmq"
	cp "$ETC/rabbitmq.conf" "$RUN/rabbitmq/"
	HOME=$RUN/rabbitmq ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_NODENAME=rabbit@localhost RABBITMQ_MNESIA_BASE=$RUN/rabbitmq/mnesia \
		RABBITMQ_LOG_BASE=$LOG RABBITMQ_CONFIG_FILE=$RUN/rabbitmq/rabbitmq RABBITMQ_ENABLED_PLUGINS_FILE=$RUN/rabbitmq/plugins \
		RABBITMQ_PID_FILE=$RUN/rabbitmq/pid \
		RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none" \
		service rabbitmq /usr/lib/rabbitmq/bin/rabbitmq-server
}

start_stores() {
	start_rabbitmq
	service memcached memcached -l 127.0.0.1 -p 11211 -m 64 -u memcache
	# Until its databases are complete, fill_databases starts MariaDB, with a new data folder.
	[[ ! -e $STATE/databases-filled ]] || start_mariadb
}

# uwsgi's HTTP socket does not support keep-alive. Without this header, clients reuse connections that are about to close.
UWSGI=(uwsgi --plugins python3 --master --die-on-term --lazy-apps --enable-threads --buffer-size 65535 --need-app
	--disable-logging --processes 1 --threads 4 --add-header "Connection: close")

start_identity() {
	OS_KEYSTONE_CONFIG_FILES=$ETC/keystone.conf service keystone "${UWSGI[@]}" --http-socket "$CLOUD_IP:5000" \
		--wsgi-file /usr/bin/keystone-wsgi-public
	OS_PLACEMENT_CONFIG_DIR=$ETC service placement "${UWSGI[@]}" --http-socket "$CLOUD_IP:8778" \
		--wsgi-file /usr/bin/placement-api
	wait_port keystone 5000
}

# Users, roles, catalog; runs once. Passwords are passed by environment and file.
fill_keystone() {
	# shellcheck source=/dev/null
	. "$STATE/secrets"
	local keystone_manage=(logged keystone-manage keystone-manage --config-file "$ETC/keystone.conf")
	"${keystone_manage[@]}" fernet_setup --keystone-user root --keystone-group root
	"${keystone_manage[@]}" credential_setup --keystone-user root --keystone-group root
	OS_BOOTSTRAP_PASSWORD=$ADMIN_PASSWORD "${keystone_manage[@]}" bootstrap --bootstrap-region-id RegionOne \
		--bootstrap-public-url "http://$CLOUD_IP:5000" --bootstrap-internal-url "http://$CLOUD_IP:5000" \
		--bootstrap-admin-url "http://$CLOUD_IP:5000"
	start_identity
	SERVICE_PASSWORD=$SERVICE_PASSWORD DEMO_PASSWORD=$DEMO_PASSWORD HEAT_DOMAIN_PASSWORD=$HEAT_DOMAIN_PASSWORD \
		as_admin keystone-content "$lib/keystone_content.py" "$CLOUD_IP"
	touch "$STATE/keystone-filled"
}

# as_admin LOG PROGRAM ARGUMENTS...
as_admin() {
	local log=$1
	shift
	OS_CLIENT_CONFIG_FILE=$STATE/clouds.yaml OS_CLOUD=devcloud-admin logged "$log" /usr/bin/python3 "$@"
}

start_control() {
	local nova=(--config-file "$ETC/common.conf" --config-file "$ETC/nova.conf" --config-file "$ETC/nova-db.conf")
	wait_port rabbitmq 5672 127.0.0.1
	service nova-conductor nova-conductor "${nova[@]}"
	PYTHONPATH=$lib/neutron service neutron-server neutron-server --config-file "$ETC/common.conf" \
		--config-file "$ETC/neutron.conf" --config-file "$ETC/neutron-ml2.conf"
	service nova-api nova-api "${nova[@]}"
	service nova-scheduler nova-scheduler "${nova[@]}"
	# Not heat-all: its API workers share one epoll with the engine, and a request can wait a minute for it.
	service heat-engine heat-engine --config-file "$ETC/common.conf" --config-file "$ETC/heat.conf"
	service heat-api heat-api --config-file "$ETC/common.conf" --config-file "$ETC/heat.conf"
	service glance glance-api --config-file "$ETC/common.conf" --config-file "$ETC/glance.conf"
	wait_port placement 8778
	wait_port nova-api 8774
	wait_port neutron-server 9696
	wait_port heat-api 8004
	wait_port glance 9292
}

# Neutron's agents. They start when the server answers: an agent that starts earlier waits a minute for its first answer.
start_network() {
	local files=(--config-file "$ETC/common.conf" --config-file "$ETC/neutron.conf" --config-file "$ETC/neutron-agents.conf")
	PATH=$lib/bin:$PATH service neutron-linuxbridge neutron-linuxbridge-agent "${files[@]}" --config-file "$ETC/neutron-ml2.conf"
	service neutron-dhcp neutron-dhcp-agent "${files[@]}"
	service neutron-l3 neutron-l3-agent "${files[@]}"
	service neutron-metadata neutron-metadata-agent "${files[@]}"
}

# start_computes FAKES
start_computes() {
	local nova=(--config-file "$ETC/common.conf" --config-file "$ETC/nova.conf") name number
	mkdir -p "$STATE/nova/instances/_base"
	service nova-real1 "$lib/compute/run" "${nova[@]}" --config-file "$ETC/nova-real.conf"
	for name in $(services | grep '^nova-fake' || true); do
		((${name#nova-fake} <= $1)) || stop_services 10 "$name"
	done
	for ((number = 1; number <= $1; number++)); do
		mkdir -p "$STATE/nova/fake$number"
		printf '[DEFAULT]\nhost = fake%s\nstate_path = %s\n' "$number" "$STATE/nova/fake$number" >"$ETC/nova-fake$number.conf"
		service "nova-fake$number" "$lib/compute/run" "${nova[@]}" --config-file "$ETC/nova-fake.conf" \
			--config-file "$ETC/nova-fake$number.conf"
	done
}

# fill_cloud FAKES  creates flavors, network "public" and availability zones; waits for computes and agents if a service
# was started.
fill_cloud() {
	local settled=$RUN/settled
	[[ ! -e $settled || $(<"$settled") != "$1" ]] || return 0
	as_admin cloud-content "$lib/cloud_content.py" "$NET" "$ETC" "$1"
	echo "$1" >"$settled"
}
