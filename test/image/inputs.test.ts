import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { gatherInputs } from '../../src/image/build/inputs.ts';
import { checksumOf, readSupply } from '../../src/image/fetch/fetch.ts';
import { programs } from '../../src/image/fetch/kubernetes.ts';
import type { Component } from '../../src/image/spec/components.ts';
import { digestOfText } from '../../src/image/spec/lock.ts';
import { planImage } from '../../src/image/spec/plan.ts';
import { profileNamed } from '../../src/image/spec/profiles.ts';
import { temporaryFolder } from '../support/folders.ts';
import { output } from '../support/processes.ts';

/** A component that a folder holds, made of files whose text is their own name. */
async function component(
	supply: string,
	name: string,
	files: readonly string[],
	layout: Component['layout'],
): Promise<Component> {
	const folder = await temporaryFolder();
	for (const file of files) {
		await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
		await writeFile(path.join(folder, file), path.basename(file));
		await chmod(path.join(folder, file), 0o755);
	}
	const archive = path.join(supply, `${name}.tar.gz`);
	await output('tar', ['--create', '--gzip', `--file=${archive}`, `--directory=${folder}`, ...files]);
	return {
		name,
		version: '1.0',
		url: `https://example.org/${name}.tar.gz`,
		checksum: await checksumOf(archive),
		published: 'here',
		licence: 'MIT',
		layout,
	};
}

test('each component has its own folder, and all files that it adds to the image are listed', async (t) => {
	const supply = await temporaryFolder();
	const kubernetes = await component(
		supply,
		'kubernetes',
		[...programs, 'kubeadm'].map((name) => `kubernetes/server/bin/${name}`),
		{ 'kubernetes/server/bin/': '/usr/local/bin' },
	);
	const etcd = await component(supply, 'etcd', ['etcd-1/etcd', 'etcd-1/README'], {
		'etcd-1/etcd': '/usr/local/bin',
	});
	const manifest: Component = { ...etcd, name: 'crds', url: 'https://example.org/crds.yaml', layout: {} };
	await writeFile(path.join(supply, 'crds.yaml'), 'kind: Resource\n');
	const crds = { ...manifest, checksum: digestOfText('kind: Resource\n') };
	const own = path.join(await temporaryFolder(), 'hello.tar');
	await writeFile(own, 'hello');
	const plan = planImage({ ...profileNamed('debian12-x64-kubernetes'), images: [own] });
	const line = { ...plan.line, kubernetes, companions: [etcd], manifests: { calico: crds } };
	const { places, elements, files, archives } = await gatherInputs(
		{ ...plan, line, fetched: [kubernetes, etcd, crds], images: [] },
		{ images: {} },
		'upstream',
		await temporaryFolder(),
		await temporaryFolder(),
		readSupply(undefined, supply),
	);

	const named = (names: readonly string[]) =>
		Object.fromEntries(names.map((name) => [`/usr/local/bin/${name}`, digestOfText(name)]));
	t.deepEqual(files.kubernetes, named(programs));
	t.deepEqual(files.etcd, named(['etcd']));
	t.is(await readFile(path.join(places.components, 'etcd/usr/local/bin/etcd'), 'utf8'), 'etcd');
	const addon = '/usr/share/kstack/addons/network-calico.yaml';
	const text = elements.find((file) => file.path.endsWith(addon))?.text ?? '';
	t.true(text.startsWith('kind: Resource\n---\n'));
	t.deepEqual(files.crds, { [addon]: digestOfText(text) });
	t.is(await readFile(path.join(places.archives, 'hello.tar'), 'utf8'), 'hello');
	t.deepEqual(archives, { 'hello.tar': digestOfText('hello') });
});
