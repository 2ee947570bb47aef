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
import { clusterOf, ofContract } from '../support/clusters.ts';

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

test('a parameter of access changes rules of its own, and no others', (t) => {
	t.deepEqual(brief(planned({ parameters: { ssh_allowed_cidr: '192.0.2.0/24' } })), ['add ssh_access_rule']);
	t.deepEqual(brief(planned({ parameters: { api_allowed_cidr: '192.0.2.0/24' } })), [
		'replace api_access_rule',
	]);
	t.deepEqual(brief(planned({ parameters: { node_port_allowed_cidr: '192.0.2.0/24' } })), [
		'add node_port_tcp_rule',
		'add node_port_udp_rule',
	]);
	t.deepEqual(brief(planned({ parameters: { gateway_first_port: 80, gateway_last_port: 443 } })), [
		'replace exposed_tcp_180_rule',
		'replace exposed_tcp_23_rule',
		...['delete exposed_udp_23_rule', 'delete exposed_udp_4790_rule', 'replace exposed_udp_69_rule'],
		...['delete exposed_udp_8286_rule', 'delete exposed_udp_8473_rule'],
	]);
});

/** The templates and parameters of the stack of a release. */
async function ofRelease(release: string) {
	const folder = path.join(packageRoot, 'test/releases', release);
	const heat = await readTree(path.join(folder, 'heat'));
	const { parameters } = readMapping(
		await readFile(path.join(folder, 'parameters.yaml'), 'utf8'),
		'parameters.yaml',
	) as { parameters: Settings };
	return { files: Object.fromEntries(heat.map(({ path, text }) => [path, text])), parameters };
}

const withShared = (sharedGroup: boolean): Files =>
	Object.fromEntries(
		renderTemplates(clusterOf(), undefined, { ...ofContract(1), sharedGroup }).map(({ path, text }) => [
			path,
			text,
		]),
	);

const ofAccess = (changes: readonly PlannedChange[]) =>
	changes.filter(({ path }) => /_group$|_rule$|port$/.test(path));

test('in stacks of earlier releases, the groups of roles are added to ports before the shared one is removed', async (t) => {
	for (const release of await readdir(path.join(packageRoot, 'test/releases'))) {
		const old = await ofRelease(release);
		const both = { files: withShared(true), parameters: old.parameters };
		const first = planned(both, old);
		t.false(
			brief(first).some((change) => change.startsWith('!') || /^(replace|delete) \S*server/.test(change)),
		);
		const ports = [
			...['api_port', 'gateway_port', 'gateways/0/port'],
			...['masters', 'minions'].flatMap((group) => [0, 1, 2].map((index) => `${group}/${index}/port`)),
		].map((port) => `update ${port}`);
		const notAdded = ofAccess(first).filter(({ action }) => action !== 'add');
		t.deepEqual(brief(notAdded), ports, release);
		const second = planned({ ...both, files: withShared(false) }, both);
		const gone = ['delete gateway_security_group', 'delete security_group'];
		t.deepEqual(brief(second).sort(), [...gone, ...ports].sort(), release);
	}
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
