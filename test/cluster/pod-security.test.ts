// The setting podSecurity: what new and existing clusters have, and what kstack says where it is not enforced.
import test from 'ava';
import { renderUserData } from '../../src/cluster/heat/user-data.ts';
import { changes } from '../../src/cluster/spec/changes.ts';
import { readCluster } from '../../src/cluster/spec/config.ts';
import { parametersOf, settingsIn, settingsOf } from '../../src/cluster/spec/parameters.ts';
import { noteForChange, warningForNew, whyNotEnforced } from '../../src/cluster/spec/pod-security.ts';

const path = 'demo/cluster.yaml';

/** What `kstack update` changes, with this cluster.yaml and the parameters.yaml of the cluster's creation. */
function updated(parameters: Readonly<Record<string, unknown>>, text: string, flags = {}) {
	const now = settingsOf(parameters);
	return changes(now, {
		flags,
		cluster: readCluster('demo', {}, { text, path }, now).settings,
		clusterPath: path,
		parameters: settingsIn(parameters),
		parametersPath: 'demo/parameters.yaml',
	});
}

const before = parametersOf(readCluster('demo', {}, undefined).settings);
const { podSecurity: _, ...recorded } = before.recorded_settings as Record<string, unknown>;
const old = { ...before, recorded_settings: JSON.stringify(recorded) };

test('a new cluster has the standard baseline', (t) => {
	t.is(readCluster('demo', {}, undefined).settings.podSecurity, 'baseline');
});

test('a cluster whose release did not know podSecurity has privileged, and keeps it until it is changed', (t) => {
	t.is(settingsOf(old).podSecurity, 'privileged');
	t.deepEqual(updated(old, ''), {});
	t.deepEqual(updated(old, 'podSecurity: privileged\n'), {});
	t.deepEqual(updated(old, 'podSecurity: baseline\n'), { podSecurity: 'baseline' });
	t.deepEqual(updated(old, '', { podSecurity: 'restricted' }), { podSecurity: 'restricted' });
});

test('new masters of such a cluster enforce nothing', (t) => {
	const { podSecurity: _, ...unknown } = readCluster('demo', {}, undefined).settings;
	const settings = { ...unknown, networkDriver: 'routed' };
	t.regex(renderUserData('master', { settings }), /^ +POD_SECURITY=privileged$/m);
});

test('files that do not have podSecurity do not change that of the cluster', (t) => {
	const now = { ...before, recorded_settings: { ...recorded, podSecurity: 'restricted' } };
	t.deepEqual(updated(now, ''), {});
});

test('kstack create says that podSecurity is not enforced where the masters do not have it', (t) => {
	const said = (podSecurity: string, kubernetes?: string, contract = 2) =>
		warningForNew({ podSecurity }, { kubernetes, contract });
	t.deepEqual(said('baseline', '1.20.2'), [
		'podSecurity is baseline, but it is not enforced: Kubernetes 1.20.2 has no PodSecurity (from 1.23 on).',
	]);
	t.deepEqual(said('privileged', '1.20.2'), []);
	t.deepEqual(said('baseline', '1.23.0'), []);
	t.deepEqual(said('restricted', '1.36.2'), []);
	t.deepEqual(said('baseline', undefined), []);
	t.regex(whyNotEnforced({ kubernetes: '1.36.2', contract: 1 }) ?? '', /built by kimg 0\.3 or earlier/);
});

test('a change of podSecurity says that it is for new masters, and how to get them', (t) => {
	t.deepEqual(noteForChange('demo', { minions: 3 }, 2), []);
	t.regex(noteForChange('demo', { podSecurity: 'baseline' }, 2)[0] ?? '', /new masters.*kstack replace demo/);
	t.regex(noteForChange('demo', { podSecurity: 'baseline' }, 1)[0] ?? '', /new masters.*kstack upgrade demo/);
});
