import { cp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { load } from 'js-yaml';
import { writeTree } from '../../src/base/tree.ts';
import { renderTemplates } from '../../src/cluster/heat/templates.ts';
import { roles } from '../../src/cluster/spec/roles.ts';
import { cases, clusterOf, rendered } from '../support/clusters.ts';
import { temporaryFolder } from '../support/folders.ts';
import { type Candidate, judgeByHeat, memberParameters, type Verdict } from '../support/heat.ts';

/** A member's template by itself, with what it declares: Heat looks less closely through the parent. */
async function member(directory: string, name: string): Promise<Candidate> {
	const template = path.join(directory, 'heat', `${name}.yaml`);
	const { parameters } = load(await readFile(template, 'utf8')) as { parameters: object };
	const declared = Object.keys(parameters).map((name) => [name, memberParameters[name]]);
	return { template, parameters: Object.fromEntries(declared) };
}

/** The whole cluster, as the stack directory says it but for `parameters`. */
const root = (directory: string, parameters: Record<string, unknown> = {}): Candidate => ({
	template: path.join(directory, 'heat/cluster.yaml'),
	environments: [path.join(directory, 'parameters.yaml'), path.join(directory, 'secrets.yaml')],
	parameters,
});

/** A copy of the directory with the templates of two generations, the older one from an image of contract 0. */
async function inTheMiddleOfAnUpgrade(directory: string): Promise<string> {
	const folder = await temporaryFolder();
	await cp(directory, folder, { recursive: true });
	await writeTree(
		path.join(folder, 'heat'),
		renderTemplates(
			clusterOf(),
			{ current: 3, previous: 1 },
			{
				contractOf: (_, prefix) => (prefix === '' ? 1 : 0),
				memberTokens: false,
				sharedGroup: true,
			},
		),
	);
	return folder;
}

/** Every condition of the template both ways: Heat looks at nothing behind a condition that is not met. */
const shapes: readonly Record<string, unknown>[] = [
	{},
	{ minion_count: 0 },
	{ minion_count: 500, gateway_count: 3 },
	{ cluster_state: 'existing' },
	{ external_network: 'public', api_floating_ip: false, gateway_floating_ip: true },
	{ master_count: 3, removed_minions: '1,4', drain_force: true },
	{ external_network: 'public', ssh_allowed_cidr: '192.0.2.0/24', key_name: 'ops' },
	{ node_port_allowed_cidr: '192.0.2.0/24', gateway_first_port: 80, gateway_last_port: 443 },
	{ dns_nameserver: '192.0.2.1,192.0.2.2', minion_availability_zone: 'nova' },
	{ fixed_network: 'lan', fixed_subnet: 'lan-v4', external_network: 'public' },
];

interface Mistake {
	readonly what: string;
	readonly file: string;
	readonly good: string | RegExp;
	readonly bad: string;
	readonly words: RegExp;
	/** Whether it is found when the member's template is checked by itself. */
	readonly alone?: boolean;
}

const cluster = 'heat/cluster.yaml';
const parameters = 'parameters.yaml';
const mistakes: readonly Mistake[] = [
	{
		what: 'an unknown resource',
		file: cluster,
		good: '{get_resource: router}',
		bad: '{get_resource: routre}',
		words: /routre/,
	},
	{
		what: 'an unknown property',
		file: cluster,
		good: 'policies: [soft',
		bad: 'polices: [soft',
		words: /polices/,
	},
	{
		what: 'an unknown type',
		file: cluster,
		good: 'Neutron::Router\n',
		bad: 'Neutron::Ruter\n',
		words: /Ruter/,
	},
	{
		what: 'an unknown parameter',
		file: cluster,
		good: '{get_param: pod_cidr}',
		bad: '{get_param: pods}',
		words: /pods/,
	},
	{
		what: 'an unknown condition',
		file: cluster,
		good: 'condition: makes_router',
		bad: 'condition: makes',
		words: /makes/,
	},
	{
		what: 'what is no YAML',
		file: cluster,
		good: 'resources:\n',
		bad: 'resources: [\n',
		words: /YAML|parsing/i,
	},
	{
		what: 'a file that is not there',
		file: 'heat/minion-contract-2.yaml',
		good: 'user-data/minion-contract-2.yaml',
		bad: 'user-data/no.yaml',
		words: /no\.yaml/,
	},
	{ what: 'a bad network', file: parameters, good: '10.244.0.0/16', bad: '10.244.0.0/99', words: /pod_cidr/ },
	{
		what: 'a count below zero',
		file: parameters,
		good: 'minion_count: 1',
		bad: 'minion_count: -1',
		words: /minion_c/,
	},
	{
		what: 'no master',
		file: parameters,
		good: 'master_count: 1',
		bad: 'master_count: 0',
		words: /master_count/,
	},
	{
		what: 'a token of another form',
		file: 'secrets.yaml',
		good: /join_token: .*/,
		bad: 'join_token: secret',
		words: /join_token/,
	},
	{
		what: 'a member that lacks a parameter',
		file: 'heat/minion-contract-2.yaml',
		good: /^ {2}pod_cidr:\n.*\n/m,
		bad: '',
		words: /pod_cidr/,
		alone: true,
	},
	{
		what: 'a wrong value in a member',
		file: 'heat/minion-contract-2.yaml',
		good: 'user_data_format: SOFTWARE_CONFIG',
		bad: 'user_data_format: SOFTWARE',
		words: /user_data_format/,
		alone: true,
	},
	{
		what: 'a member that reads a resource it lacks',
		file: 'heat/master-contract-2.yaml',
		good: "'@@NODE_IP@@': {get_attr: [port, ",
		bad: "'@@NODE_IP@@': {get_attr: [prot, ",
		words: /prot/,
		alone: true,
	},
];

const good: Candidate[] = [];
const bad: Candidate[] = [];
let verdicts: readonly Verdict[] = [];

/** Heat's engine takes seconds to start: it is asked once, for everything. */
test.before(async (t) => {
	const directories = await Promise.all(Object.values(cases).map((args) => rendered(t, args)));
	for (const { directory } of directories) {
		good.push(...shapes.map((shape) => root(directory, shape)));
		good.push(root(await inTheMiddleOfAnUpgrade(directory), { previous_master_count: 2, master_count: 2 }));
		good.push(...(await Promise.all(roles.map((role) => member(directory, `${role}-contract-2`)))));
	}
	const whole = directories[0]?.directory as string;
	const folder = await temporaryFolder();
	for (const { what, file, good: right, bad: wrong, alone } of mistakes) {
		const directory = path.join(folder, what);
		await cp(whole, directory, { recursive: true });
		const text = await readFile(path.join(whole, file), 'utf8');
		t.not(text.replace(right, wrong), text, `${what}: the mistake is made`);
		await writeFile(path.join(directory, file), text.replace(right, wrong));
		const role = path.basename(file, '.yaml');
		// Behind a condition that is not met nothing is looked at: with an external network all are.
		bad.push(alone ? await member(directory, role) : root(directory, { external_network: 'public' }));
	}
	verdicts = await judgeByHeat([...good, ...bad]);
});

test('Heat accepts the templates for every kind of cluster, and each one separately', (t) => {
	for (const [index, candidate] of good.entries()) {
		const { template, parameters: given } = candidate;
		t.is(verdicts[index]?.error, null, `${path.basename(template)} with ${JSON.stringify(given)}`);
	}
	t.is(good.length, Object.keys(cases).length * (shapes.length + 1 + roles.length));
});

for (const [index, { what, words }] of mistakes.entries()) {
	test(`Heat refuses ${what}`, (t) => {
		t.regex(verdicts[good.length + index]?.error ?? 'no error', words);
	});
}
