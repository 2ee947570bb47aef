# shellcheck shell=bash
# MariaDB, its databases, and their initial content. (Neutron's migrations do not support SQLite.)

DATABASES=(keystone glance placement nova_api nova nova_cell0 neutron heat)
DB_SOCKET=$RUN/mysql/socket

sql() { mariadb --no-defaults --socket="$DB_SOCKET" --user=root "$@"; }

# start_mariadb [PREFIX...]  for example env LD_PRELOAD=...
start_mariadb() {
	if [[ ! -d $STATE/mysql/mysql ]]; then
		rm -rf "$STATE/mysql"
		mkdir -m 700 "$STATE/mysql"
		chown mysql: "$STATE/mysql"
		logged mariadb-install mariadb-install-db --no-defaults --datadir="$STATE/mysql" --user=mysql \
			--auth-root-authentication-method=socket --skip-test-db
	fi
	mkdir -p "$RUN/mysql"
	chown mysql: "$RUN/mysql"
	service mariadb "$@" mariadbd --no-defaults --user=mysql --datadir="$STATE/mysql" --socket="$DB_SOCKET" \
		--pid-file="$RUN/mysql/pid" --tmpdir="$RUN/mysql" --bind-address=127.0.0.1 --port=3306 --skip-log-bin --skip-name-resolve \
		--innodb-flush-log-at-trx-commit=0 --innodb-buffer-pool-size=128M --performance-schema=OFF \
		--max-connections=500 --character-set-server=utf8mb3 --collation-server=utf8mb3_general_ci
	wait_port mariadb 3306 127.0.0.1
}

# fill_databases: runs once. Without fsync it takes 26 s instead of 66; afterwards MariaDB is restarted with fsync.
fill_databases() {
	local name seed
	stop_services 20 mariadb
	rm -rf "$STATE/mysql" # incomplete if an earlier run was killed
	start_mariadb env LD_PRELOAD=libeatmydata.so
	# shellcheck source=/dev/null
	. "$STATE/secrets"
	{
		for name in "${DATABASES[@]}"; do echo "CREATE DATABASE $name CHARACTER SET utf8mb3;"; done
		echo "CREATE USER devcloud@127.0.0.1 IDENTIFIED BY '$DB_PASSWORD'; GRANT ALL ON *.* TO devcloud@127.0.0.1;"
	} | sql
	seed=$CACHE/devcloud/schema-$(package_versions | sha256sum | cut -c1-16).sql.gz
	if [[ -s $seed ]]; then
		zcat "$seed" | sql
	else
		create_schemas
		make_cache_folder "${seed%/*}"
		save_seed >"$seed.$$"
		chown --reference="${seed%/*}" "$seed.$$"
		mv "$seed.$$" "$seed"
	fi
	stop_services 20 mariadb
	sync -f "$STATE/mysql"
	touch "$STATE/databases-filled"
	start_mariadb
}

# The seed contains no secrets: it has no users, and Nova's cells as templates.
save_seed() {
	mariadb-dump --no-defaults --socket="$DB_SOCKET" --user=root --single-transaction --databases "${DATABASES[@]}" | gzip
}

create_schemas() {
	keystone_schemas &
	local first=$!
	logged db-neutron neutron-db-manage --config-file "$ETC/neutron.conf" --config-file "$ETC/neutron-ml2.conf" upgrade heads &
	local second=$!
	nova_schemas
	wait "$first"
	wait "$second"
}

keystone_schemas() {
	logged db-keystone keystone-manage --config-file "$ETC/keystone.conf" db_sync
	logged db-glance glance-manage --config-file "$ETC/glance.conf" db_sync
	logged db-heat heat-manage --config-file "$ETC/heat.conf" db_sync
	OS_PLACEMENT_CONFIG_DIR=$ETC logged db-placement placement-manage --config-file "$ETC/placement.conf" db sync
}

nova_manage() {
	logged db-nova nova-manage --config-file "$ETC/common.conf" --config-file "$ETC/nova.conf" --config-file "$ETC/nova-db.conf" "$@"
}

nova_schemas() {
	nova_manage api_db sync
	nova_cells
	nova_manage db sync
}

# Both cells take database and message bus from the configuration, by templates, so that no argument has a password.
nova_cells() {
	sql nova_api <<-'EOF'
		INSERT INTO cell_mappings (created_at, uuid, name, transport_url, database_connection, disabled) VALUES
		(NOW(), '00000000-0000-0000-0000-000000000000', 'cell0', 'none:///',
		 '{scheme}://{username}:{password}@{hostname}/nova_cell0?{query}', 0),
		(NOW(), '00000000-0000-0000-0000-000000000001', 'cell1', '{scheme}://{username}:{password}@{hostname}:{port}/{path}',
		 '{scheme}://{username}:{password}@{hostname}/nova?{query}', 0);
	EOF
}
