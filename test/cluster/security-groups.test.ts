// Who may connect to nodes, according to the templates and to docs/security.md.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { packageRoot } from '../../src/base/package.ts';
import { type Resource, resourcesOf } from '../../src/cluster/heat/evaluate.ts';
import { exposedPorts } from '../../src/cluster/heat/security-groups.ts';
import { renderTemplates } from '../../src/cluster/heat/templates.ts';
import { readMapping } from '../../src/cluster/spec/config.ts';
import { nextSecurityGroups } from '../../src/cluster/spec/shared-group.ts';
import { clusterOf } from '../support/clusters.ts';

const tree = renderTemplates(clusterOf());
const text = (name: string) => tree.find((file) => file.path === name)?.text;

/** The resources of a cluster with a master, a minion and a gateway. */
const resources = (parameters: object = {}) =>
	resourcesOf(
		{ root: readMapping(text('cluster.yaml') ?? '', 'cluster.yaml'), file: text },
		{ gateway_count: '1', ...parameters },
		() => [0],
	);

type Rule = Readonly<Record<string, unknown>>;

const rulesOf = (all: readonly Resource[], group: string): Rule[] =>
	all.flatMap(({ path, type, properties }) => {
		if (path === group) return properties.rules as Rule[];
		const inGroup = type.endsWith('SecurityGroupRule') && properties.security_group === `‹${group}›`;
		return inGroup ? [properties] : [];
	});

const sources: Readonly<Record<string, string>> = {
	'‹master_nodes_security_group›': 'masters',
	'‹all_nodes_security_group›': 'nodes',
	'‹gateway_nodes_security_group›': 'gateways',
	'10.244.0.0/16': 'pods',
	'192.0.2.0/28': 'apiAllowedCidr',
	'192.0.2.16/28': 'sshAllowedCidr',
	'192.0.2.32/28': 'nodePortAllowedCidr',
	'192.0.2.48/28': 'gatewayAllowedCidr',
};

/** The rules of a member, each "PROTOCOL PORTS SOURCE" as in the documentation. */
function openTo(all: readonly Resource[], member: string): string[] {
	const port = all.find((resource) => resource.path === `${member}/port`);
	const names = port?.properties.security_groups as string[] | undefined;
	const groups = (names ?? []).map((name) => name.slice(1, -1));
	return groups.flatMap((group) =>
		rulesOf(all, group).map((rule) => {
			const { protocol, port_range_min: first, port_range_max: last, remote_mode } = rule;
			const remote =
				remote_mode === 'remote_group_id' ? (rule.remote_group_id ?? `‹${group}›`) : rule.remote_ip_prefix;
			const ports = first === undefined ? '' : first === last ? `${first}` : `${first}-${last}`;
			const name = protocol === '112' ? 'vrrp' : protocol;
			return `${name} ${ports} ${remote === undefined ? 'anywhere' : sources[String(remote)]}`;
		}),
	);
}

/** The rows of the table of open ports in the documentation. */
async function documented(): Promise<Record<'masters' | 'minions' | 'gateways', string[]>> {
	const page = await readFile(path.join(packageRoot, 'docs/security.md'), 'utf8');
	const [, section = ''] = page.split('\n## Open ports\n');
	const rows = section
		.split('\n## ')[0]
		?.split('\n')
		.filter((line) => /^\| (all|masters|minions, gateways|gateways) \|/.test(line))
		.map((line) =>
			line
				.split('|')
				.slice(1, -1)
				.map((cell) => cell.trim()),
		);
	const of = (role: string) =>
		(rows ?? []).flatMap(([nodes = '', protocol, ports = '', from]) => {
			if (nodes !== 'all' && !nodes.split(', ').includes(role)) return [];
			return (ports === '' ? [''] : ports.split(', ')).map((one) => `${protocol} ${one} ${from}`);
		});
	return { masters: of('masters'), minions: of('minions'), gateways: of('gateways') };
}

test('the security groups open what docs/security.md lists and nothing else', async (t) => {
	const all = resources({
		api_allowed_cidr: '192.0.2.0/28',
		ssh_allowed_cidr: '192.0.2.16/28',
		node_port_allowed_cidr: '192.0.2.32/28',
		gateway_allowed_cidr: '192.0.2.48/28',
	});
	for (const [role, rows] of Object.entries(await documented()))
		t.deepEqual(openTo(all, `${role}/0`).sort(), rows.sort(), role);
});

test('only masters may connect to etcd of masters, and send VRRP to them', (t) => {
	const all = resources({ ssh_allowed_cidr: '192.0.2.16/28', node_port_allowed_cidr: '192.0.2.32/28' });
	const covers = (rule: string, number: number) => {
		const [, ports = ''] = rule.split(' ');
		const [first = 0, last = first] = ports.split('-').map(Number);
		return ports === '' || (first <= number && number <= last);
	};
	const rules = openTo(all, 'masters/0').filter((rule) => !rule.endsWith(' masters'));
	t.deepEqual(
		rules.filter((rule) => /^(tcp|undefined) /.test(rule) && (covers(rule, 2379) || covers(rule, 2380))),
		[],
	);
	t.deepEqual(
		rules.filter((rule) => !/^(tcp|udp|sctp|icmp) /.test(rule)),
		[],
	);
});

test('gateways open their range, without the ports of a gateway itself', (t) => {
	const port = fc.integer({ min: 1, max: 10_247 });
	const own = { tcp: [22, 179], udp: [22, 68, 4789, 8285, 8472] };
	fc.assert(
		fc.property(port, port, port, (one, other, tried) => {
			const [first, last] = [Math.min(one, other), Math.max(one, other)];
			const all = resources({ gateway_first_port: first, gateway_last_port: last });
			for (const protocol of ['tcp', 'udp'] as const) {
				const open = rulesOf(all, 'gateway_nodes_security_group')
					.filter((rule) => rule.protocol === protocol)
					.map((rule) => [Number(rule.port_range_min), Number(rule.port_range_max)] as const);
				for (const [from, to] of open) t.true(from <= to);
				for (const number of [tried, first, last, ...own[protocol]]) {
					const expected = number >= first && number <= last && !own[protocol].includes(number);
					t.is(
						open.some(([from, to]) => from <= number && number <= to),
						expected,
						`${protocol} ${number}`,
					);
				}
			}
		}),
		{ numRuns: 20 },
	);
});

test('the ports that no gateway opens are those that no gateway exposes', async (t) => {
	const program = await readFile(
		path.join(packageRoot, 'elements/kubernetes-services/static/usr/share/kstack/python/kstack/exposed.py'),
		'utf8',
	);
	const reserved = /RESERVED_OF = \{'TCP': \(([\d, ]+)\), 'UDP': \(([\d, ]+)\)\}/.exec(program)?.slice(1);
	t.regex(program, /RESERVED = \(\(22, 22\), \(10248, /);
	for (const [index, protocol] of (['tcp', 'udp'] as const).entries()) {
		const numbers = [
			22,
			...(reserved?.[index] ?? '')
				.split(',')
				.filter((one) => one.trim())
				.map(Number),
		];
		const open = exposedPorts.filter((range) => range.protocol === protocol);
		const closed = open.slice(1).map(({ first }) => first - 1);
		t.deepEqual(
			closed,
			numbers.sort((one, other) => one - other),
		);
		t.is(open.at(-1)?.last, 10_247);
	}
});

const images = (id: string) => ({ master_image: id, minion_image: id, gateway_image: id });
const record = (more: object) => JSON.stringify({ contracts: { new: 1 }, ...more });

test('members leave the shared group once an update has added the others, and no image has contract 0', (t) => {
	const next = (image: string, more: object, settled = true) =>
		nextSecurityGroups({ ...images(image), generations: record(more) }, settled);
	t.is(next('new', {}), 'both', 'nothing was added yet');
	t.is(next('new', { securityGroups: 'both' }), 'roles');
	t.is(next('new', { securityGroups: 'both' }, false), 'both', 'the update failed');
	t.is(next('old', { securityGroups: 'both' }), 'both');
	t.is(next('old', { securityGroups: 'roles' }), 'roles', 'a new cluster never has the shared group');
	const upgrading = { ...images('new'), previous_master_image: 'old', previous_minion_image: 'old' };
	const generations = record({ current: 2, previous: 1, securityGroups: 'both' });
	t.is(nextSecurityGroups({ ...upgrading, generations }, true), 'both');
});
