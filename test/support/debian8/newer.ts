// Features that are newer than Debian 8 and can be used by mistake in programs for later releases. Each rule has an example
// that violates it. `source` is the project's own documentation of its changes.

/** The languages of a node's files. */
export type Language = 'bash' | 'jq' | 'awk' | 'unit' | 'haproxy';

export interface Rule {
	/** The release with which it was added. */
	readonly since: string;
	readonly pattern: RegExp;
	/** An example, as it would be in a file. */
	readonly example: string;
}

export interface Tool {
	readonly name: string;
	/** Debian 8's version. */
	readonly has: string;
	readonly source: string;
	readonly language: Language;
	readonly rules: readonly Rule[];
}

const rule = (since: string, pattern: RegExp, example: string): Rule => ({ since, pattern, example });

/** Arguments of one command, up to its end, also on continued lines. */
const words = String.raw`(?:\\\n|[^|;&\n])*?`;

/** An option of a command: `names` is a part of a regular expression. */
const option = (since: string, command: string, names: string, example: string) =>
	rule(
		since,
		new RegExp(String.raw`(?<![\w/.-])(?:${command})\s${words}(?<=\s)(?:${names})(?![\w-])`),
		example,
	);

/** A command that did not exist. */
const command = (since: string, names: string, example: string) =>
	rule(
		since,
		new RegExp(
			String.raw`(?:^|[;&|({!]|\b(?:exec|then|do|if|else|until|while|env))\s*(?:${names})(?=\s)`,
			'm',
		),
		example,
	);

const bash: Tool = {
	name: 'bash',
	has: '4.3',
	source: 'NEWS in its source',
	language: 'bash',
	rules: [
		rule('4.4', /\$\{[!\w[\]@*]+@[QEPAa]\}/, 'echo "${name@Q}"'),
		rule('5.1', /\$\{[!\w[\]@*]+@[UuLKk]\}/, 'echo "${name@U}"'),
		rule('5.3', /\$\{[ |][^}]*\}/, 'said=${ date; }'),
		option('4.4', 'mapfile|readarray', '-d', "mapfile -d '' -t files < <(find . -print0)"),
		rule('4.4', /\blocal\s+-(?=[\s;]|$)/m, 'quietly() { local -; set +x; }'),
		rule('4.4', /\bshopt\b.*\binherit_errexit\b/, 'shopt -s inherit_errexit'),
		rule('5.0', /\bshopt\b.*\b(localvar_inherit|assoc_expand_once)\b/, 'shopt -s localvar_inherit'),
		rule(
			'5.2',
			/\bshopt\b.*\b(patsub_replacement|globskipdots|varredir_close)\b/,
			'shopt -u patsub_replacement',
		),
		rule('5.0', /\b(EPOCHSECONDS|EPOCHREALTIME|BASH_ARGV0)\b/, 'now=$EPOCHSECONDS'),
		rule('5.1', /\bSRANDOM\b/, 'sleep $((SRANDOM % 5))'),
		option('5.0', 'wait', '-f', 'wait -f "$pid"'),
		option('5.1', 'wait', '-p', 'wait -n -p ended'),
		option('5.1', 'declare|local', '-I', 'local -I name'),
	],
};

const jq: Tool = {
	name: 'jq',
	has: '1.4',
	source: "its manual's versions, and jq 1.4 itself, which refuses each example",
	language: 'jq',
	rules: [
		rule('1.5', /\b(test|match|capture|scan|splits|sub|gsub)\s*\(/, '.name | test("^a")'),
		rule('1.5', /\bascii(_downcase|_upcase)\b/, '.name | ascii_downcase'),
		rule('1.5', /\b(first|last|limit|until|while|repeat|isvalid|in|inside|foreach)\s*\(/, 'first(.[])'),
		rule('1.5', /\|\s*(first|last|flatten|transpose|combinations)\b/, '.items | first'),
		rule('1.5', /\b(any|all)\s*\(/, 'all(. > 1)'),
		rule('1.5', /\brange\s*\([^;()]*;[^;()]*;/, 'range(0; 10; 2)'),
		rule('1.5', /\bmap_values\s*\(/, 'map_values(. + 1)'),
		rule('1.5', /\b(foreach\s+[.$[]|label\s+\$|try\s+\w|(import|include)\s+")/, 'try error("no") catch .'),
		rule('1.5', /\)\?/, 'getpath(["a"])?'),
		rule('1.5', /\bas\s*[[{]/, '. as [$first, $second] | $first'),
		rule('1.5', /\bdef\s+\w+\s*\([^)]*\$/, 'def add($one): . + $one; add(1)'),
		rule('1.5', /\{\s*\$\w+/, '. as $name | {$name}'),
		rule('1.5', /\$ENV\b|(?<![.\w$])env\b(?!:)/, '$ENV.HOME'),
		rule('1.5', /(?<![.\w$"])(inputs?|debug|input_line_number|tostream|nan|infinite)\b(?!\s*:)/, '[inputs]'),
		rule(
			'1.5',
			/(?<![.\w$"])(todate|fromdate|mktime|gmtime|strftime|strptime|now)\b\s*(\||\(|$)/,
			'now | todate',
		),
		rule('1.5', /@tsv\b/, '[1, 2] | @tsv'),
		rule('1.6', /@base64d\b/, '.data | @base64d'),
		rule('1.6', /\b(walk|IN|INDEX|GROUP_BY|getpath_safe|halt_error)\s*\(/, 'walk(.)'),
		rule('1.6', /\$__loc__/, '$__loc__'),
		rule('1.7', /\b(pick|abs|toarray|trim|ltrim|rtrim|have_decnum|splits)\s*(\(|\||$)/, 'pick(.a)'),
		rule('1.7', /\bif\b(?:(?!\b(?:else|elif|if|end)\b)[^"]|"[^"]*")*\bend\b/, 'if . then 1 end'),
	],
};

const awk: Tool = {
	name: 'mawk',
	has: '1.3.3',
	source: "its manual and Debian's bugs 65617 and 355966",
	language: 'awk',
	rules: [
		rule('1.3.4', /\[\[:\w+:\]/, '/^[[:space:]]*$/ { print }'),
		rule('1.3.4', /\/[^/\n]*[\])\w.]\{\d+(,\d*)?\}[^/\n]*\//, '/^[0-9]{3}$/ { print }'),
		rule('gawk', /\b(gensub|strtonum|asorti?|patsplit)\s*\(/, '{ print gensub(/a/, "b", 1) }'),
		rule('1.3.4', /\b(strftime|systime|mktime)\s*\(/, 'BEGIN { print systime() }'),
	],
};

const jqOptions: Tool = {
	name: 'jq',
	has: '1.4',
	source: jq.source,
	language: 'bash',
	rules: [
		option(
			'1.5',
			'jq',
			'--argjson|--slurpfile|--tab|--indent|--seq|--stream|-j|--join-output|-L',
			'jq --argjson count 1 .',
		),
		option('1.5', 'jq', '-[a-zA-Z]{2,}', 'jq -rs .'),
		option('1.6', 'jq', '--args|--jsonargs|--rawfile', "jq -n --args '$ARGS' one"),
	],
};

const systemctl: Tool = {
	name: 'systemd',
	has: '215',
	source: 'NEWS in its source',
	language: 'bash',
	rules: [
		option('220', 'systemctl', '--now', 'systemctl enable --now kubelet'),
		option('230', 'systemctl', '--value', 'systemctl show --property=MainPID --value etcd'),
		option('240', 'systemctl', '--wait', 'systemctl is-system-running --wait'),
		option('218', 'systemctl', 'edit|revert|clean', 'systemctl edit kubelet'),
		option('237', 'journalctl', '-g|--grep(=\\S+)?', 'journalctl --grep=error -u etcd'),
		option('236', 'journalctl', '--output-fields(=\\S+)?', 'journalctl --output-fields=MESSAGE'),
		option('216', 'systemd-analyze', 'verify', 'systemd-analyze verify etcd.service'),
		option('236', 'systemd-run', '--(wait|pipe|collect)', 'systemd-run --wait true'),
		command(
			'216',
			'systemd-escape|busctl|resolvectl|systemd-resolve|systemd-mount',
			'systemd-escape "$name"',
		),
	],
};

const units: Tool = {
	name: 'systemd',
	has: '215',
	source: 'NEWS in its source',
	language: 'unit',
	rules: [
		rule('229', /^Timeout\w+=infinity/m, 'TimeoutStartSec=infinity'),
		rule('231', /^Exec\w+=[-@]*[+!:]/m, 'ExecStartPre=+/bin/mkdir /run/etcd'),
		rule('239', /^Exec\w+=[-@]*[a-z]/m, 'ExecStart=etcd'),
		rule('232', /^ProtectSystem=strict/m, 'ProtectSystem=strict'),
		rule('240', /^Type=exec/m, 'Type=exec'),
		rule('227', /^Limit\w+=\w+:/m, 'LimitNOFILE=1024:65536'),
		rule(
			'236',
			/^Standard(Output|Error)=(file|append|truncate):/m,
			'StandardOutput=append:/var/log/etcd.log',
		),
		rule('229', /^OnCalendar=.*(\w\.\.\w|~|UTC)/m, 'OnCalendar=Mon..Fri 10:00'),
	],
};

const openssl: Tool = {
	name: 'openssl',
	has: '1.0.1',
	source: 'CHANGES in its source, and the HISTORY of its manual pages',
	language: 'bash',
	rules: [
		option(
			'1.1.1',
			'openssl',
			'-addext|-ext|-pbkdf2|-iter',
			'openssl req -new -addext "subjectAltName = DNS:a"',
		),
		option(
			'3.0',
			'openssl',
			'-copy_extensions|-noenc|-legacy|-provider|-dateopt',
			'openssl req -x509 -noenc -key a.key',
		),
		option('3.0', 'openssl', 'kdf|mac|storeutl|fipsinstall', 'openssl mac -digest SHA256 HMAC'),
		option(
			'1.0.2',
			'openssl',
			'-checkhost|-checkip|-checkemail|-partial_chain|-force_pubkey',
			'openssl x509 -checkhost a -in a.crt',
		),
		option(
			'1.1.0',
			'openssl',
			'-(not_before|not_after|no-CAfile|no-CApath|proxy|subject_hash_old256)',
			'openssl verify -no-CAfile a.crt',
		),
		rule(
			'1.1.0',
			/\bopenssl\b[^|;\n]*\b(ed25519|ed448|x25519|X25519|ED25519)\b/,
			'openssl genpkey -algorithm ed25519',
		),
	],
};

const curl: Tool = {
	name: 'curl',
	has: '7.38',
	source: 'docs/options-in-versions in its source',
	language: 'bash',
	rules: [
		option('7.40', 'curl', '--unix-socket', 'curl --unix-socket /run/a.sock http://a/'),
		option('7.42', 'curl', '--path-as-is|--cert-status', 'curl --path-as-is http://a/..'),
		option('7.49', 'curl', '--connect-to', 'curl --connect-to ::127.0.0.1: http://a/'),
		option(
			'7.52',
			'curl',
			'--retry-connrefused|--fail-early',
			'curl --retry 3 --retry-connrefused http://a/',
		),
		option('7.54', 'curl', '--tls-max|--suppress-connect-headers', 'curl --tls-max 1.2 https://a/'),
		option('7.67', 'curl', '--no-progress-meter|--parallel|-Z', 'curl --no-progress-meter http://a/'),
		option('7.71', 'curl', '--retry-all-errors', 'curl --retry 3 --retry-all-errors http://a/'),
		option('7.73', 'curl', '--output-dir|--create-file-mode', 'curl --output-dir /tmp -O http://a/'),
		option('7.76', 'curl', '--fail-with-body', 'curl --fail-with-body http://a/'),
		option('7.82', 'curl', '--json', "curl --json '{}' http://a/"),
		rule(
			'7.75',
			/%\{(json|header_json|errormsg|exitcode|onerror|stderr|urlnum)\}/,
			"curl --write-out '%{errormsg}' http://a/",
		),
	],
};

const iptables: Tool = {
	name: 'iptables',
	has: '1.4.21',
	source: 'its release notes',
	language: 'bash',
	rules: [
		option('1.6.0', 'ip6?tables', '(-w|--wait)[ =]\\d+', 'iptables -w 5 -S'),
		option('1.6.0', 'ip6?tables', '-W|--wait-interval', 'iptables -w -W 1000 -S'),
		option('1.6.2', 'ip6?tables-restore', '-w|--wait', 'iptables-restore --wait 5'),
		rule('1.6.2', /\biptables-restore\b.*\$\{\w+:\+--wait/, 'iptables-restore --noflush ${waits:+--wait 5}'),
		option(
			'1.6.2',
			'ip6?tables',
			'--random-fully',
			'iptables -t nat -A POSTROUTING -j MASQUERADE --random-fully',
		),
		command('1.8', 'nft|ip6?tables-(nft|legacy|translate)(-\\w+)?', 'iptables-legacy -S'),
	],
};

const iproute: Tool = {
	name: 'iproute2',
	has: '3.16',
	source: 'its history: the tag that first has it',
	language: 'bash',
	rules: [
		option('4.14', 'ip|bridge|tc', '-j|-json|--json|-p|-pretty', 'ip -j addr'),
		option('4.2', 'ip', '-br|-brief', 'ip -br link'),
		option('4.1', 'ip', '-c|-color|--color', 'ip -c addr'),
		option('3.19', 'ip', '-a|-all', 'ip -all netns exec true'),
		option('4.5', 'ss', '-K|--kill', 'ss -K dst 10.0.0.1'),
		option('4.7', 'ss', '-H|--no-header|-\\w*H\\w*', 'ss -Hltn'),
		option('5.2', 'ss', '-O|--oneline', 'ss -O -tn'),
		option('4.2', 'ss', '-E|--events', 'ss --events'),
		rule(
			'4.3',
			/\bip\b[^|;\n]*\b(vrf|geneve|nexthop id|property add)\b/,
			'ip link add red type vrf table 10',
		),
	],
};

const coreutils: Tool = {
	name: 'coreutils',
	has: '8.23',
	source: 'NEWS in its source',
	language: 'bash',
	rules: [
		option('8.24', 'dd', 'status=progress', 'dd if=/dev/zero of=a status=progress'),
		option('8.25', '(md5|sha\\d+)sum', '--ignore-missing', 'sha256sum --check --ignore-missing sums'),
		option('8.25', 'cut|comm|paste|head|tail', '-z|--zero-terminated|--total', 'cut -z -d / -f 1'),
		option('8.28', 'env', '-C|--chdir(=\\S+)?', 'env -C /tmp true'),
		option('8.30', 'env', '-S|--split-string(=\\S+)?', 'env -S "true"'),
		option('8.29', 'timeout', '-v|--verbose', 'timeout --verbose 5 true'),
		command('8.26', 'b2sum|basenc', 'basenc --base64url -w0'),
		option('8.27', 'date', '--debug', 'date --debug -d now'),
		option('9.0', 'cksum', '-a|--algorithm(=\\S+)?', 'cksum -a sha256 a'),
		option('9.2', 'wc', '--total(=\\S+)?', 'wc --total=never a'),
		option('9.2', 'cp|mv', '--update=\\w+|--exchange|--debug', 'cp --update=none a b'),
		option('8.24', 'sync', '-[df]|--data|--file-system|/\\S+|"\\$\\S+', 'sync /var/lib/etcd'),
	],
};

const utilLinux: Tool = {
	name: 'util-linux',
	has: '2.25',
	source: 'Documentation/releases in its source',
	language: 'bash',
	rules: [
		option('2.27', 'lsblk|findmnt|sfdisk|lscpu', '-J|--json', 'lsblk --json'),
		command('2.27', 'lsns|choom|lsfd|hardlink|lsirq|uuidparse', 'choom -n 0 -p 1'),
		option('2.26', 'flock', '--verbose', 'flock --verbose 9'),
		option('2.36', 'flock', '--fcntl', 'flock --fcntl 9'),
		option('2.30', 'column', '-J|--json|-N', 'column --json -N a'),
		option('2.33', 'nsenter', '-a|--all', 'nsenter -t 1 --all true'),
		option('2.35', 'mount', '--target-prefix|--onlyonce|--map-users', 'mount --onlyonce /mnt'),
		option('2.31', 'uuidgen', '--md5|--sha1|-n|-N', 'uuidgen --sha1 -n @dns -N a'),
	],
};

const haproxy: Tool = {
	name: 'haproxy',
	has: '1.5',
	source: "doc/configuration.txt of each release's source",
	language: 'haproxy',
	rules: [
		rule(
			'1.6',
			/^\s*(server-state-file|server-state-base|load-server-state-from-file|resolvers|mailers|http-reuse)\b/m,
			'load-server-state-from-file global',
		),
		rule('1.6', /^\s*option redispatch \S/m, '    option redispatch 1'),
		rule('1.7', /^\s*(filter|hard-stop-after)\b/m, '    hard-stop-after 30s'),
		rule(
			'1.8',
			/^\s*(nbthread|master-worker|cache|server-template|thread-groups|cpu-map auto)\b/m,
			'    nbthread 2',
		),
		rule('1.8', /^\s*default-server\b.*\b(check|send-proxy|ssl)\b/m, '    default-server check'),
		rule(
			'1.8',
			/\bexpose-fd\b|\binit-addr\b|\bresolve-prefer\b/,
			'    stats socket /run/a.sock expose-fd listeners',
		),
		rule('1.9', /^\s*(balance random|log stdout|log stderr)\b/m, '    balance random'),
		rule(
			'2.0',
			/^\s*(retry-on|program|http-check (send|connect)|http-request return)\b/m,
			'    retry-on all-retryable-errors',
		),
		rule('2.1', /^\s*(no )?strict-limits\b/m, '    no strict-limits'),
		rule(
			'2.2',
			/^\s*(ring|http-errors|ssl-default-bind-curves|insecure-fork-wanted|default-path)\b/m,
			'ring events',
		),
	],
};

export const tools: readonly Tool[] = [
	bash,
	jq,
	jqOptions,
	awk,
	systemctl,
	units,
	openssl,
	curl,
	iptables,
	iproute,
	coreutils,
	utilLinux,
	haproxy,
];
