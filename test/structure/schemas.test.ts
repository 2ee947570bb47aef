// The JSON Schemas of the files that operators write: they are in the package, and agree with the readers.
import path from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import test from 'ava';
import fc from 'fast-check';
import { dump, load } from 'js-yaml';
import { UserError } from '../../src/base/errors.ts';
import type { JsonSchema } from '../../src/base/forms.ts';
import { packageRoot } from '../../src/base/package.ts';
import { schemaText } from '../../src/base/schema.ts';
import { readTree, type Tree, writeTree } from '../../src/base/tree.ts';
import { parseYaml } from '../../src/base/yaml-file.ts';
import { readDefinition } from '../../src/cluster/spec/addon.ts';
import { addonSchema } from '../../src/cluster/spec/addon-fields.ts';
import { clusterSchema } from '../../src/cluster/spec/cluster-fields.ts';
import { readCluster } from '../../src/cluster/spec/config.ts';
import { roleSchema } from '../../src/cluster/spec/role-file.ts';
import { settings } from '../../src/cluster/spec/settings.ts';
import { profileSchema } from '../../src/image/spec/profile-fields.ts';
import { readProfile } from '../../src/image/spec/profile-file.ts';
import { anySettings } from '../support/any-settings.ts';
import { rendered } from '../support/clusters.ts';
import { temporaryFolder } from '../support/folders.ts';
import { kstack, runSource } from '../support/processes.ts';

const schemas: Readonly<Record<string, JsonSchema>> = {
	'addon.schema.json': addonSchema(),
	'cluster.schema.json': clusterSchema(),
	'profile.schema.json': profileSchema(),
	'role.schema.json': roleSchema(),
};

const validator = (schema: JsonSchema): ValidateFunction =>
	new Ajv({ strictSchema: true, allowUnionTypes: true, strictTypes: false }).compile(schema);

const isCluster = validator(clusterSchema());
const isProfile = validator(profileSchema());
const isAddon = validator(addonSchema());

/** UPDATE_GOLDEN=1 writes the schemas, as it does with the golden files. */
test('the folder schemas/ has the schemas that follow from the definitions', async (t) => {
	const folder = path.join(packageRoot, 'schemas');
	const tree: Tree = Object.entries(schemas).map(([name, schema]) => ({
		...{ path: name, mode: 0o644 },
		text: schemaText(schema),
	}));
	if (process.env.UPDATE_GOLDEN !== undefined) await writeTree(folder, tree);
	const texts = (files: Tree) => files.map((file) => [file.path, file.text]);
	t.deepEqual(texts(await readTree(folder)), texts(tree));
});

test('the commands print the schemas', async (t) => {
	const [ofCluster, ofProfile] = [await kstack(['schema']), await runSource('src/kimg.ts', ['schema'])];
	const ofRole = await kstack(['schema', 'role']);
	t.is(ofRole.stdout, schemaText(roleSchema()), ofRole.stderr);
	t.is(ofCluster.stdout, schemaText(clusterSchema()), ofCluster.stderr);
	t.is(ofProfile.stdout, schemaText(profileSchema()), ofProfile.stderr);
	const ofAddon = await kstack(['schema', 'addon']);
	t.is(ofAddon.stdout, schemaText(addonSchema()), ofAddon.stderr);
	t.is((await kstack(['schema', 'nodes'])).code, 2);
});

test('every key has a description', (t) => {
	for (const schema of Object.values(schemas))
		for (const [key, one] of Object.entries(schema.properties as Record<string, { description: string }>))
			t.regex(one.description, /^[A-Z].*\.$/, key);
});

test('cluster.yaml as kstack writes it names a schema that lies beside it, and follows it', async (t) => {
	const { tree } = await rendered(t, []);
	const file = tree.find((one) => one.path === 'cluster.yaml')?.text ?? '';
	const [, named] = /^# yaml-language-server: \$schema=(\S+)\n/.exec(file) ?? [];
	const beside = tree.find((one) => one.path === named);
	t.truthy(beside);
	t.true(validator(JSON.parse(beside?.text ?? '{}') as JsonSchema)(load(file)));
});

test('the schema accepts every file that the reader accepts', (t) => {
	fc.assert(
		fc.property(anySettings, (wanted) => {
			t.true(isCluster(load(dump({ name: 'demo', ...wanted }))), JSON.stringify(isCluster.errors));
		}),
	);
	t.pass();
});

/** Whether the reader takes a file with this key alone. */
function readerTakes(key: string, value: unknown): boolean {
	try {
		// As of a cluster that exists, since contradictions between keys are not the schema's affair.
		readCluster('demo', {}, { text: dump({ [key]: value }), path: 'cluster.yaml' }, {});
		return true;
	} catch (error) {
		if (error instanceof UserError) return false;
		throw error;
	}
}

const words = [
	'',
	'true',
	'no',
	'a b',
	'a\nb',
	'3',
	' 3 ',
	'-1',
	'none',
	'calico',
	'udp',
	'cluster.local',
	'A.b',
];
const networks = [
	'10.0.0.0/24',
	'10.0.0.0',
	'10.0.0.0/24/2',
	'fd00::/64',
	'192.0.2.1',
	'192.0.2.1,192.0.2.2',
	'1,2',
];
const proxies = [
	'http://proxy:3128',
	'proxy:80',
	'http://me@proxy',
	'proxy/?a=b',
	'ftp://proxy',
	'.internal,localhost',
];
const values = fc.oneof(
	fc.integer({ min: -10, max: 50_000 }),
	fc.constantFrom(1.5, true, false, null, [], ['192.0.2.1'], ['a'], [3], {}, { a: 'b' }),
	fc.constantFrom(...words, ...networks, ...proxies),
);

/** What a schema cannot say: the range of a number that is written as text, the meaning of an address. */
const beyondSchema = (value: unknown) => typeof value === 'string' && /^\s*-?\d+\s*$/.test(value);

test('the schema and the reader accept the same values of each key', (t) => {
	const keys = fc.constantFrom(...settings.map(({ key }) => key), 'unknownKey');
	fc.assert(
		fc.property(keys, values, (key, value) => {
			const [bySchema, byReader] = [isCluster({ [key]: value }), readerTakes(key, value)];
			const told = `${key}: ${JSON.stringify(value)}`;
			if (byReader) t.true(bySchema, told);
			else if (!beyondSchema(value)) t.false(bySchema, told);
		}),
		{ numRuns: 3000 },
	);
	t.pass();
});

const base = 'base: debian12-x64-kubernetes\n';
for (const [text, isRight] of [
	[base, true],
	[`${base}name: mine\nremark: for tests\nkernelArguments: quiet\n`, true],
	[`${base}versions: { etcd: 3.6.13 }\npackages: [htop]\n`, true],
	[`${base}versions: { runc: { version: 1.99.0, checksum: 'sha256:${'a'.repeat(64)}' } }\n`, true],
	[`${base}remark: true\n`, true],
	[`${base}images: ['quay.io/team/tool:1']\n`, true],
	['name: mine\n', false],
	[`${base}colour: red\n`, false],
	[`${base}name: Not A Name\n`, false],
	[`${base}packages: htop\n`, false],
	[`${base}packages: [Not A Package]\n`, false],
	[`${base}versions: { runc: { version: 1.99.0 } }\n`, false],
	[`${base}versions: { runc: { version: 1.99.0, checksum: md5 } }\n`, false],
	[`${base}versions: { runc: new }\n`, false],
	[`${base}elements: { a: b }\n`, false],
] as const) {
	test(`reader and schema of a profile ${isRight ? 'take' : 'refuse'} ${JSON.stringify(text)}`, async (t) => {
		const folder = await temporaryFolder();
		await writeTree(folder, [{ path: 'mine.yaml', mode: 0o644, text }]);
		const read = readProfile(path.join(folder, 'mine.yaml'));
		if (isRight) await t.notThrowsAsync(read);
		else await t.throwsAsync(read, { instanceOf: UserError });
		t.is(isProfile(load(text)), isRight, JSON.stringify(isProfile.errors));
	});
}

const integer = 'type: integer, default: 2, description: Pods';
for (const [text, isRight] of [
	['{}', true],
	['name: hello', true],
	['name: -a', false],
	['name: 3', false],
	['colour: red', false],
	['image: maybe', false],
	['image: "true"', false],
	['needs: [dns]', true],
	['needs: dns', false],
	['needs: [dns, {}]', false],
	['images: [coredns]', true],
	['images: coredns', false],
	['disable: maybe', false],
	['disable: confirm\nwarning: Names no longer resolve.', true],
	['warning: [a]', false],
	['values: []', false],
	[`values: {replicas: {${integer}}}`, true],
	[`values: {replicas: {${integer}, minimum: 1, maximum: 5}}`, true],
	[`values: {Replicas: {${integer}}}`, false],
	[`values: {replicas: {${integer}, pattern: a}}`, false],
	[`values: {replicas: {${integer}, minimum: one}}`, false],
	['values: {replicas: {type: integer, default: "2", description: Pods}}', false],
	['values: {replicas: {type: integer, description: Pods}}', false],
	['values: {replicas: {type: number, default: 2, description: Pods}}', false],
	['values: {zone: {type: string, default: a, description: Zone}}', false],
	['values: {zone: {type: string, default: a, pattern: "[a-z]+", description: Zone}}', true],
	['values: {zone: {type: string, default: a, pattern: "[a-z]+"}}', false],
	['values: {debug: {type: boolean, default: no, description: Logs}}', false],
	['values: {debug: {type: boolean, default: false, description: Logs}}', true],
] as const) {
	test(`reader and schema of an addon ${isRight ? 'take' : 'refuse'} ${JSON.stringify(text)}`, (t) => {
		const content = { description: 'x', ...(parseYaml(text, 'addon.yaml', 'typed') as object) };
		if (isRight) t.notThrows(() => readDefinition(content, 'addon.yaml', 'hello'));
		else t.throws(() => readDefinition(content, 'addon.yaml', 'hello'), { instanceOf: UserError });
		t.is(isAddon(content), isRight, JSON.stringify(isAddon.errors));
	});
}

for (const [text, place] of [
	[
		'values: {replicas: {type: integer, default: 9, maximum: 5, description: Pods}}',
		'values.replicas.default is 9',
	],
	[
		'values: {zone: {type: string, default: A, pattern: "[a-z]+", description: Zone}}',
		'values.zone.default is "A"',
	],
	[
		'values: {zone: {type: string, default: A, pattern: "[a-z", description: Zone}}',
		'values.zone.pattern is "[a-z"',
	],
	['images: [one two]', 'images[0] is "one two"'],
] as const) {
	test(`an addon is refused with the location of the mistake: ${place}`, (t) => {
		const content = { description: 'x', ...(parseYaml(text, 'addon.yaml', 'typed') as object) };
		const error = t.throws(() => readDefinition(content, 'a/addon.yaml', 'hello'), { instanceOf: UserError });
		t.like(error, { exitCode: 2, code: 'invalid-addon' });
		t.true(error?.message.includes(`a/addon.yaml: `) && error.message.includes(place), error?.message);
	});
}
