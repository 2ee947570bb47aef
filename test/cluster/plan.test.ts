import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { packageRoot } from '../../src/base/package.ts';
import { readTree } from '../../src/base/tree.ts';
import { type Group, resourcesOf, type Templates } from '../../src/cluster/heat/evaluate.ts';
import { renderTemplates } from '../../src/cluster/heat/templates.ts';
import { dryRunResult, failuresIn, planText, requireSafe } from '../../src/cluster/operations/plan.ts';
import { compare, type PlannedChange } from '../../src/cluster/operations/plan-compare.ts';
import type { Settings } from '../../src/cluster/spec/config.ts';
import { readMapping } from '../../src/cluster/spec/config.ts';
import { parametersOf } from '../../src/cluster/spec/parameters.ts';
import { clusterOf } from '../support/clusters.ts';

type Files = Readonly<Record<string, string>>;

const rendered = (flags: Readonly<Record<string, string>> = {}): Files =>
	Object.fromEntries(renderTemplates(clusterOf(flags)).map(({ path, text }) => [path, text]));

const templates = (files: Files): Templates => ({
	root: readMapping(files['cluster.yaml'] ?? '', 'cluster.yaml'),
	file: (name) => files[name],
});

/** The parameters of a cluster as Heat shows them: every one as text. */
function shown(more: Settings = {}): Record<string, string> {
	const given = {
		...parametersOf(clusterOf({ minions: '2' }).settings),
		...Object.fromEntries(['master', 'minion', 'gateway'].map((role) => [`${role}_image`, 'image-1'])),
		...Object.fromEntries(['master', 'minion', 'gateway'].map((role) => [`${role}_flavor`, 'flavor-1'])),
		...{ external_network: 'network-1', join_token: '******', master_token: '******' },
		...more,
	};
	const text = (value: unknown) => {
		if (typeof value === 'boolean') return value ? 'True' : 'False';
		return typeof value === 'object' ? JSON.stringify(value) : String(value);
	};
	return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, text(value)]));
}

const upTo = ({ count, removed }: Group) =>
	Array.from({ length: count + removed.length }, (_, index) => index).filter(
		(index) => !removed.includes(index),
	);

interface Side {
	readonly files?: Files;
	readonly parameters?: Settings;
}

/** What separates a cluster of a master and two minions from what it is to be. */
function planned(after: Side, before: Side = {}, going: string[] = [], failed: [string, string][] = []) {
	const things = ({ files = rendered(), parameters = {} }: Side) =>
		resourcesOf(templates(files), shown(parameters), upTo);
	return compare(things(before), things(after), new Set(going), new Map(failed));
}

const brief = (changes: readonly PlannedChange[]) =>
	changes.map(({ action, path, loses }) => `${loses ? '! ' : ''}${action} ${path}`);

const replaced = (text: string, from: string, to: string) => {
	if (!text.includes(from)) throw new Error(`no ${from}`);
	return text.replace(from, () => to);
};

test('templates are understood to the last function: every property of a member has its value', (t) => {
	const things = resourcesOf(templates(rendered()), { ...shown(), 'OS::stack_name': 'demo' }, upTo);
	const server = things.find(({ path }) => path === 'minions/1/server');
	t.like(server, {
		type: 'OS::Nova::Server',
		properties: { image: 'image-1', flavor: 'flavor-1', metadata: { kstack_role: 'minion' } },
	});
	t.deepEqual(server?.properties.networks, [{ port: '‹minions/1/port›' }]);
	t.false('availability_zone' in (server?.properties ?? {}), 'null is not given');
	const text = String(server?.properties.user_data);
	t.regex(text, /NODE_NAME='?demo-minion-1'?/);
	t.regex(text, /^ +\S*‹api_port›\.fixed_ips\.0\.ip_address|=‹api_port›\.fixed_ips\.0\.ip_address/m);
	t.deepEqual(
		things
			.filter(({ path }) => path === 'api_floating_address' || path === 'ssh_rule')
			.map(({ path }) => path),
		['api_floating_address'],
	);
	for (const { path, properties } of things) {
		t.notRegex(
			JSON.stringify(properties),
			/"(get_param|get_attr|get_resource|list_join|str_replace\w*|if)":/,
			path,
		);
	}
});

test('the same templates and parameters, in whatever spelling, change nothing', (t) => {
	t.deepEqual(planned({ parameters: { api_floating_ip: true, minion_count: '2', removed_minions: '' } }), []);
});

test('adding or removing a member changes no other member', (t) => {
	const member = ['leave', 'port', 'ready', 'ready_handle', 'server'];
	t.deepEqual(
		brief(planned({ parameters: { minion_count: 3 } })),
		member.map((name) => `add minions/2/${name}`),
	);
	t.deepEqual(
		brief(planned({ parameters: { minion_count: 1 } }, {}, ['minions/1'])),
		member.map((name) => `delete minions/1/${name}`),
	);
	t.deepEqual(
		brief(planned({ parameters: { minion_count: 1, removed_minions: '0' } }, {}, ['minions/0'])),
		member.map((name) => `delete minions/0/${name}`),
	);
});

test('removing a member that was not requested is a loss', (t) => {
	t.deepEqual(
		brief(planned({ parameters: { minion_count: 1 } })).filter((line) => line.startsWith('!')),
		['! delete minions/1/port', '! delete minions/1/server'],
	);
});

test('another image replaces servers, and the plan says why', (t) => {
	const changes = planned({ parameters: { minion_image: 'image-2' } });
	const servers = changes.filter(({ kind }) => kind === 'server');
	t.deepEqual(brief(servers), ['! replace minions/0/server', '! replace minions/1/server']);
	t.is(servers[0]?.why, 'image');
	t.throws(() => requireSafe({ name: 'demo', changes }, false), {
		message:
			/^The update of demo would replace or delete what is in use:\n {2}replace server \S*minion-0: image\n/,
	});
	t.notThrows(() => requireSafe({ name: 'demo', changes }, true));
});

test('another flavor resizes servers in place', (t) => {
	const changes = planned({ parameters: { minion_flavor: 'flavor-2' } });
	t.deepEqual(brief(changes), ['update minions/0/server', 'update minions/1/server']);
});

test('a key pair, which cannot be updated, replaces every server', (t) => {
	const changes = planned({ parameters: { key_name: 'ops' } }).filter(({ loses }) => loses);
	t.deepEqual(
		brief(changes),
		['masters/0', 'minions/0', 'minions/1'].map((path) => `! replace ${path}/server`),
	);
});

test('new user-data is only used for new servers', (t) => {
	const files = rendered();
	const text = `${files['user-data/minion-contract-2.yaml']}# more\n`;
	const changes = planned({ files: { ...files, 'user-data/minion-contract-2.yaml': text } });
	t.deepEqual(brief(changes), ['update minions/0/server', 'update minions/1/server']);
	t.is(changes[0]?.why, 'user_data (for new members)');
});

test('without the policy that keeps it, a new text replaces servers', (t) => {
	const files = rendered();
	const careless = replaced(
		files['minion-contract-2.yaml'] ?? '',
		'user_data_update_policy: IGNORE',
		'tags: []',
	);
	const text = `${files['user-data/minion-contract-2.yaml']}# more\n`;
	const after = {
		files: { ...files, 'minion-contract-2.yaml': careless, 'user-data/minion-contract-2.yaml': text },
	};
	t.deepEqual(
		brief(planned(after)).filter((line) => line.startsWith('!')),
		['! replace minions/0/server', '! replace minions/1/server'],
	);
});

test('what refers to a replaced resource is replaced with it, as far as it cannot be updated', (t) => {
	const files = rendered();
	const root = replaced(files['cluster.yaml'] ?? '', '[soft-anti-affinity]', '[anti-affinity]');
	t.deepEqual(brief(planned({ files: { ...files, 'cluster.yaml': root } })), [
		...['replace master_group', 'replace masters/0/leave', '! replace masters/0/server'],
	]);
	const subnet = brief(planned({ parameters: { node_cidr: '10.9.0.0/24' } }));
	t.true(subnet.includes('! replace subnet'));
	t.true(subnet.includes('update api_port'), 'its addresses can be changed');
	t.true(subnet.includes('replace router_interface'));
});

test('a switch that takes an address away is a loss', (t) => {
	t.true(
		brief(planned({ parameters: { api_floating_ip: false } })).includes('! delete api_floating_address'),
	);
});

test('rules of access come and go in place', (t) => {
	t.deepEqual(brief(planned({ parameters: { ssh_allowed_cidr: '192.0.2.0/24' } })), ['add ssh_rule']);
	t.deepEqual(
		brief(planned({ parameters: { api_allowed_cidr: '192.0.2.0/24' } })).sort(),
		[...['sctp', 'tcp', 'udp'].map((protocol) => `replace pod_${protocol}_rule`), 'update security_group'],
		'Heat deletes every rule of a group whose rules change; the pods get theirs back',
	);
});

test('stacks of earlier releases get the rules of pods, and keep their group and its rules', async (t) => {
	const releases = path.join(packageRoot, 'test/releases');
	for (const release of await readdir(releases)) {
		const folder = path.join(releases, release);
		const heat = await readTree(path.join(folder, 'heat'));
		const old = Object.fromEntries(heat.map(({ path, text }) => [path, text]));
		const { parameters } = readMapping(
			await readFile(path.join(folder, 'parameters.yaml'), 'utf8'),
			'parameters.yaml',
		) as { parameters: Settings };
		const changes = planned({ parameters }, { files: old, parameters });
		t.false(
			brief(changes).some((change) => change.startsWith('!') || /^(replace|delete) \S*server/.test(change)),
		);
		t.deepEqual(
			brief(changes)
				.filter((change) => /security_group$|_rule$/.test(change))
				.sort(),
			['sctp', 'tcp', 'udp'].map((protocol) => `add pod_${protocol}_rule`),
			release,
		);
	}
});

test('pods of other nodes are allowed by their addresses, which a remote group of OVN does not have', (t) => {
	const rules = resourcesOf(templates(rendered()), shown({ pod_cidr: '10.9.0.0/16' }), upTo).filter(
		({ path: place }) => /^pod_\w+_rule$/.test(place),
	);
	t.deepEqual(
		rules.map(({ properties }) => [properties.protocol, properties.remote_ip_prefix]),
		[
			['tcp', '10.9.0.0/16'],
			['udp', '10.9.0.0/16'],
			['sctp', '10.9.0.0/16'],
		],
	);
});

test('a resource that failed its check is replaced by the next update; one that was never created is no loss', (t) => {
	const rows = [
		{ resource_name: 'server', stack_name: 'demo-minions-x7-1-k3', resource_status: 'CHECK_FAILED' },
		{ resource_name: 'server', stack_name: 'demo-minions-x7-0-k2', resource_status: 'CREATE_FAILED' },
		{ resource_name: 'api_port', stack_name: 'demo', resource_status: 'CREATE_COMPLETE' },
	];
	const failed = [...failuresIn('demo', rows)];
	t.deepEqual(
		brief(planned({}, {}, [], failed)).filter((line) => line.includes('server')),
		['replace minions/0/server', '! replace minions/1/server'],
	);
});

test('an unknown type is treated as stateful', (t) => {
	const files = rendered();
	const add = (size: number) => ({
		...files,
		'cluster.yaml': replaced(
			files['cluster.yaml'] ?? '',
			'\nresources:\n',
			`\nresources:\n  other:\n    type: OS::Some::Resource\n    properties: {size: ${size}}\n`,
		),
	});
	t.deepEqual(brief(planned({ files: add(2) }, { files: add(1) })), ['! replace other']);
});

// As `openstack stack update --dry-run -f json` prints it: each list is JSON within JSON.
const word = (name: string, type: string) => ({
	resource_name: name,
	resource_type: type,
	resource_identity: { stack_name: 'demo', path: `/resources/${name}` },
	physical_resource_id: '',
	resource_status: 'COMPLETE',
	resource_action: 'INIT',
	stack_name: 'demo',
});

test("of Heat's dry run, added and deleted resources are used; replaced ones are not", (t) => {
	const printed = JSON.stringify({
		added: JSON.stringify([word('ssh_rule', 'OS::Neutron::SecurityGroupRule')]),
		deleted: JSON.stringify([
			word('volume', 'OS::Cinder::Volume'),
			word('minions_2', 'OS::Heat::ResourceGroup'),
		]),
		replaced: JSON.stringify([word('api_port', 'OS::Neutron::Port'), word('subnet', 'OS::Neutron::Subnet')]),
		unchanged: JSON.stringify([word('network', 'OS::Neutron::Net')]),
		updated: JSON.stringify([word('minions', 'OS::Heat::ResourceGroup')]),
	});
	t.deepEqual(brief(dryRunResult(printed, new Set(['ssh_rule']))), ['! delete volume']);
	t.deepEqual(dryRunResult('{}', new Set()), []);
});

test('the table lists stateful resources and counts the others', (t) => {
	const changes = planned({ parameters: { minion_count: 3, minion_image: 'image-2' } });
	const text = planText({ name: 'demo', changes });
	t.regex(text, /^ACTION +WHAT +NAME +WHY$/m);
	t.regex(text, /^REPLACE ! +server +\S*minion-0 +image$/m);
	t.regex(text, /^add +server +\S*minion-2 +new$/m);
	t.regex(text, /^\d+ more stateless resources change\.$/m);
	t.is(planText({ name: 'demo', changes: [] }), 'demo is up to date: nothing to change.');
});
