import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { dump, load } from 'js-yaml';
import type { Settings } from '../../src/stack/definition/config.ts';
import { parametersOf, settingsOf } from '../../src/stack/definition/parameters.ts';
import { type Setting, settings, type Value } from '../../src/stack/definition/settings.ts';
import { renderTemplates } from '../../src/stack/definition/templates.ts';
import { writeTree } from '../../src/tree.ts';
import { clusterOf } from '../support/clusters.ts';
import { temporaryFolder } from '../support/folders.ts';
import { judgeByHeat } from '../support/heat.ts';

const line = fc
	.string({ unit: 'grapheme' })
	.map((text) => text.replace(/[\n\r\0]/g, ''))
	.filter((text) => Buffer.from(text).toString() === text);

/** Any value that the setting may hold. */
function anyValue({ key, type, choices }: Setting): fc.Arbitrary<Value> {
	if (key === 'masters') return fc.constantFrom(1, 3, 5, 7);
	if (key === 'dnsNameserver') return fc.constantFrom('', '192.0.2.1', '192.0.2.1,192.0.2.2');
	switch (type) {
		case 'count':
			return fc.nat({ max: 500 });
		case 'seconds':
			return fc.integer({ min: 60, max: 43200 });
		case 'port':
			return fc.integer({ min: 1, max: 10247 });
		case 'length':
			return fc.integer({ min: 8, max: 30 });
		case 'switch':
			return fc.boolean();
		case 'choice':
			return fc.constantFrom(...(choices as string[]));
		case 'cidr':
		case 'cidrs':
			return fc.nat({ max: 255 }).map((octet) => `10.${octet}.0.0/16`);
		case 'domain':
			return fc.constantFrom('cluster.local', 'example.internal');
		case 'text':
			return fc.oneof(line, fc.constantFrom('', 'true', '007', '1e3', 'null', '[]', '{}', 'a,b', '%index%'));
	}
}

/** The ones that `kstack create` fills in are always there once a stack is. */
const cluster: fc.Arbitrary<Settings> = fc.record(
	Object.fromEntries(settings.map((setting) => [setting.key, anyValue(setting)])),
);

test('settings are read back from the parameters they became', (t) => {
	fc.assert(
		fc.property(cluster, (wanted) => {
			t.deepEqual(settingsOf(parametersOf(wanted)), wanted);
		}),
	);
	t.pass();
});

test('settings are read back from parameters.yaml', (t) => {
	fc.assert(
		fc.property(cluster, (wanted) => {
			const text = dump({ parameters: parametersOf(wanted) }, { lineWidth: -1, noRefs: true });
			t.deepEqual(settingsOf((load(text) as { parameters: object }).parameters as Settings), wanted);
		}),
	);
	t.pass();
});

test('settings are read back from what Heat shows of a stack, where all is text', async (t) => {
	const folder = await temporaryFolder();
	await writeTree(folder, renderTemplates(clusterOf()));
	const token = 'abcdef.0123456789abcdef';
	const wanted = fc.sample(cluster, 40);
	const verdicts = await judgeByHeat(
		wanted.map((one) => ({
			template: path.join(folder, 'cluster.yaml'),
			parameters: { ...parametersOf(one), join_token: token, master_token: token, operator_request: '' },
		})),
	);
	for (const [index, { error, shown }] of verdicts.entries()) {
		t.is(error, null);
		t.deepEqual(settingsOf(shown), wanted[index]);
	}
});

test('what Heat is told by itself is in no record, and what user-data alone holds is in no parameter', (t) => {
	const parameters = parametersOf(clusterOf().settings);
	const recorded = Object.keys(parameters.recorded_settings as object);
	for (const setting of settings) {
		t.is(
			recorded.includes(setting.key),
			(!setting.direct && setting.default !== undefined) || setting.key === 'networkDriver',
			setting.key,
		);
	}
	t.like(parameters, { master_count: 1, minion_count: 1, gateway_count: 0, pod_cidr: '10.244.0.0/16' });
});

test('a stack without a record, or with an empty one, has the settings that Heat knows', (t) => {
	t.deepEqual(settingsOf({ minion_count: '3' }), { minions: 3 });
	t.deepEqual(settingsOf({ minion_count: '3', recorded_settings: '' }), { minions: 3 });
	t.deepEqual(settingsOf({ minion_count: '3', recorded_settings: '{}' }), { minions: 3 });
});
