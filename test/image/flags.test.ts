import test from 'ava';
import { pauseImage } from '../../src/image/spec/components.ts';
import { componentFlags, podSecurityApi } from '../../src/image/spec/flags.ts';
import { plans } from '../support/images.ts';
import { imageFiles } from '../support/node.ts';

const runtime = '--container-runtime-endpoint=unix:///run/containerd/containerd.sock';

/** Gone from Kubernetes between 1.20 and 1.35: a component that is told of one does not start. */
const gone = new Set([
	...['--insecure-port', '--insecure-bind-address', '--port', '--address', '--kubelet-https'],
	...['--container-runtime', '--network-plugin', '--cni-conf-dir', '--cni-bin-dir', '--cni-cache-dir'],
	...['--pod-infra-container-image', '--docker-endpoint', '--image-pull-progress-deadline'],
	...['--dynamic-config-dir', '--experimental-bootstrap-kubeconfig', '--master-service-namespace'],
	...['--pod-eviction-timeout', '--enable-taint-manager', '--algorithm-provider', '--policy-config-file'],
	...['--logtostderr', '--alsologtostderr', '--log-dir', '--log-file', '--log-file-max-size'],
	...['--stderrthreshold', '--skip-headers', '--add-dir-header', '--one-output'],
	...['--deleting-pods-qps', '--register-retry-count'],
]);

test('the 1.20 line gets flags for closed insecure ports, container runtime and pause image', (t) => {
	for (const name of ['debian8-x64-kubernetes', 'debian12-from-debian']) {
		const plan = plans[name];
		t.regex(plan?.kubernetes ?? '', /^1\.20\./);
		t.deepEqual(plan?.flags, {
			apiserver: ['--insecure-port=0'],
			controllerManager: ['--port=0'],
			scheduler: ['--port=0'],
			kubelet: [
				'--container-runtime=remote',
				`--pod-infra-container-image=${plan && pauseImage(plan.line)}`,
				runtime,
			],
		});
	}
});

test('the current line gets a flag for the container runtime, and one that refuses external IPs', (t) => {
	for (const name of ['debian12-x64-kubernetes', 'debian13-x64-kubernetes']) {
		t.regex(plans[name]?.kubernetes ?? '', /^1\.35\./);
		const flags = plans[name]?.flags;
		t.deepEqual(flags, {
			apiserver: ['--enable-admission-plugins=DenyServiceExternalIPs'],
			controllerManager: [],
			scheduler: [],
			kubelet: [runtime],
		});
	}
});

for (const [flag, last, first] of [
	['--insecure-port=0', '1.23.17', '1.24.0'],
	['--port=0', '1.23.17', '1.24.0'],
	['--container-runtime=remote', '1.26.15', '1.27.0'],
	['--pod-infra-container-image=pause', '1.34.9', '1.35.0'],
] as const) {
	test(`${flag} is said up to ${last} and not from ${first} on`, (t) => {
		const said = (version: string) => Object.values(componentFlags(version, 'pause')).flat();
		t.true(said(last).includes(flag));
		t.false(said(first).includes(flag));
	});
}

test('no release gets a flag that it no longer has', (t) => {
	const said = (version: string) =>
		Object.values(componentFlags(version, 'pause'))
			.flat()
			.map((flag) => flag.replace(/=.*/, ''));
	t.deepEqual(
		said('1.35.0').filter((flag) => gone.has(flag)),
		[],
	);
	t.true(said('1.20.2').every((flag) => gone.has(flag) || runtime.startsWith(`${flag}=`)));
});

test('external IPs of Services are refused from 1.21 on, where the API server can', (t) => {
	const said = (version: string) => componentFlags(version, 'pause').apiserver.join(' ');
	t.notRegex(said('1.20.15'), /DenyServiceExternalIPs/);
	t.regex(said('1.21.0'), /DenyServiceExternalIPs/);
});

test('PodSecurity is configured from 1.23 on, where it exists', (t) => {
	t.deepEqual(['1.20.2', '1.22.17', '1.23.0', '1.24.17', '1.25.0', '1.36.2'].map(podSecurityApi), [
		...(['', '', 'v1beta1', 'v1beta1', 'v1', 'v1'] as const),
	]);
});

test('unit files have no flag that some releases lack', async (t) => {
	const units = (await imageFiles()).filter(({ path }) => /\/kube[^/]*\.service(\.d\/.*)?$/.test(path));
	t.true(units.length >= 5);
	for (const { path, text } of units) {
		const flags = text.match(/(?<=\s|^)--[a-z][a-z0-9-]+/gm) ?? [];
		t.true(flags.length > 0 || !path.endsWith('.service'), path);
		t.deepEqual(
			flags.filter((flag) => gone.has(flag)),
			[],
			path,
		);
	}
});
