import test from 'ava';
import fc from 'fast-check';
import { dump, load } from 'js-yaml';
import type { Settings } from '../../src/cluster/spec/config.ts';
import { parametersOf, settingsIn, settingsOf } from '../../src/cluster/spec/parameters.ts';
import { settings } from '../../src/cluster/spec/settings.ts';
import { anySettings } from '../support/any-settings.ts';
import { clusterOf } from '../support/clusters.ts';

test('settings are read back from the parameters they became', (t) => {
	fc.assert(
		fc.property(anySettings, (wanted) => {
			t.deepEqual(settingsOf(parametersOf(wanted)), wanted);
		}),
	);
	t.pass();
});

test('settings are read back from parameters.yaml', (t) => {
	fc.assert(
		fc.property(anySettings, (wanted) => {
			const text = dump({ parameters: parametersOf(wanted) }, { lineWidth: -1, noRefs: true });
			t.deepEqual(settingsOf((load(text) as { parameters: object }).parameters as Settings), wanted);
		}),
	);
	t.pass();
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
	for (const record of [{}, { recorded_settings: '' }, { recorded_settings: '{}' }]) {
		t.deepEqual(settingsIn({ minion_count: '3', ...record }), { minions: 3 });
		t.like(settingsOf({ minion_count: '3', ...record }), { minions: 3 });
	}
});
