// The kubelet's configuration: what depends on the machine, and on the version of Kubernetes.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { load } from 'js-yaml';
import { packageRoot } from '../../src/base/package.ts';
import { renderElements } from '../../src/image/spec/elements.ts';
import { kubeletSettings } from '../../src/image/spec/kubelet-settings.ts';
import { node, put, step } from '../support/assembling.ts';
import { plans } from '../support/images.ts';
import { output } from '../support/processes.ts';

const functions = path.join(
	packageRoot,
	'elements/kubernetes-services/static/usr/share/kstack/functions/kubelet',
);

/** What a role's kubelet gives to the system and to Kubernetes on a machine, in Mi. */
async function reserved(role: string, mebibytes: number) {
	const text = await output('bash', [
		'-c',
		`. ${functions}; reserved_memory "$@"`,
		'-',
		role,
		String(mebibytes * 1024),
	]);
	return text.trim().split(' ').map(Number) as [number, number];
}

/** Measured on nodes of the quick start, in MB: resident memory of all programs but pods. */
const measured = { minion: 178, master: 875 };

for (const [role, mebibytes, system, kubernetes] of [
	['gateway', 480, 45, 75],
	['minion', 1024, 96, 160],
	['minion', 8192, 96, 518],
	['master', 2048, 96, 979],
	['master', 8192, 96, 2822],
] as const) {
	test(`a ${role} of ${mebibytes} Mi keeps ${system + kubernetes} Mi for its own programs`, async (t) => {
		t.deepEqual(await reserved(role, mebibytes), [system, kubernetes]);
		if (role !== 'gateway') t.true(system + kubernetes > measured[role]);
		t.true(system + kubernetes + 100 < mebibytes * 0.75, 'the rest is for pods');
	});
}

const configuration = async (role: 'minion' | 'master', readOnly: boolean) => {
	const { root, run, file, fakeProgram } = await node(role);
	if (readOnly) await fakeProgram('sysctl', 'case $1 in --values) echo 0 ;; *) exit 1 ;; esac');
	await put(root, 'etc/kubernetes/bootstrap.conf');
	const { code, stdout, stderr } = await run(step('80-node'));
	return { code, said: stdout + stderr, config: load(await file('etc/kubernetes/kubelet.yaml')) as object };
};

test('a kubelet protects the kernel settings that it requires', async (t) => {
	const { code, said, config } = await configuration('minion', false);
	t.is(code, 0, said);
	t.like(config, { protectKernelDefaults: true, kubeReserved: { cpu: '60m' } });
});

test('on a machine that cannot change kernel settings, the kubelet does not require them', async (t) => {
	const { code, said, config } = await configuration('minion', true);
	t.is(code, 0, said);
	t.like(config, { protectKernelDefaults: false });
});

test('no release gets a setting that it does not know', async (t) => {
	const names = (minor: number) => kubeletSettings(minor).map((line) => line.replace(/:.*/, ''));
	t.deepEqual(names(20), []);
	t.deepEqual(names(24), ['shutdownGracePeriod', 'shutdownGracePeriodCriticalPods']);
	t.true(names(25).includes('seccompDefault'));
	for (const [profile, expected] of [
		['debian8-x64-kubernetes', undefined],
		['debian12-x64-kubernetes', true],
	] as const) {
		const plan = plans[profile];
		if (plan === undefined) throw new Error(profile);
		const file = (await renderElements(plan)).find(({ path }) => path.endsWith('/kubelet.yaml'));
		t.is((load(file?.text ?? '') as { seccompDefault?: boolean }).seccompDefault, expected, profile);
	}
});

test('pods have at most 45 s to end at a shutdown, for which systemd waits', async (t) => {
	const logind = await readFile(
		path.join(packageRoot, 'elements/kubernetes-services/static/etc/systemd/logind.conf.d/kstack.conf'),
		'utf8',
	);
	const delay = Number(/^InhibitDelayMaxSec=(\d+)$/m.exec(logind)?.[1]);
	const grace = Number(/^shutdownGracePeriod: (\d+)s$/m.exec(kubeletSettings(35).join('\n'))?.[1]);
	t.true(delay >= grace, `${delay} >= ${grace}`);
	t.true(grace < 60, 'Nova ends a server after a minute');
});
