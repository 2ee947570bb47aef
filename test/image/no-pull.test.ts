import test from 'ava';
import { load } from 'js-yaml';
import { buildCommand } from '../../src/image/build/command.ts';
import { renderElements } from '../../src/image/spec/elements.ts';
import { plans } from '../support/images.ts';

interface Container {
	readonly image: string;
	readonly imagePullPolicy?: string;
}

/** Every container that a manifest asks for, wherever in it. */
function containersOf(value: unknown): Container[] {
	if (typeof value !== 'object' || value === null) return [];
	const inside = Object.values(value).flatMap(containersOf);
	return 'image' in value && 'name' in value ? [value as unknown as Container, ...inside] : inside;
}

/** Those that scripts/kubernetes/images.sh makes, without a registry. */
const made = ['kstack.local/cluster-dns:1.0', 'registry.k8s.io/pause:3.2'];

for (const [name, plan] of Object.entries(plans)) {
	const here = [...plan.images.map(({ reference }) => reference), ...(plan.images.length > 0 ? [] : made)];

	test(`${name}: every image of a manifest is in the node image and is not pulled`, async (t) => {
		const manifests = (await renderElements(plan)).filter(({ path }) =>
			/\/kstack\/addons\/.*yaml$/.test(path),
		);
		t.true(manifests.length > 0);
		for (const { path, text } of manifests) {
			// What only a cluster knows stands in for itself.
			const containers = containersOf(load(text.replaceAll(/@@\w+@@/g, '8')));
			t.true(containers.length > 0, path);
			for (const { image, imagePullPolicy } of containers) {
				t.true(here.includes(image), `${path}: ${image}`);
				t.is(imagePullPolicy, 'IfNotPresent', `${path}: ${image}`);
			}
		}
	});

	test(`${name}: what holds a pod's namespaces is in the disk image, for containerd and kubelet alike`, (t) => {
		const places = { elements: '', binaries: '', archives: '', components: '', lock: '', output: '' };
		const { environment } = buildCommand(plan, places, '', {});
		const sandbox = environment.DIB_CONTAINER_SANDBOX_IMAGE as string;
		t.true(here.includes(sandbox), sandbox);
		const [flag] = plan.flags.kubelet.filter((one) => one.startsWith('--pod-infra-container-image='));
		if (flag !== undefined) t.is(flag.split('=')[1], sandbox);
	});
}
