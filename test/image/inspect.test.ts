import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import test from 'ava';
import type { DiskFiles } from '../../src/image/disk/disk-files.ts';
import { inspectDisk, inspectionText } from '../../src/image/disk/inspect.ts';
import { billOfMaterials } from '../../src/image/disk/sbom.ts';
import { lockText } from '../../src/image/spec/lock.ts';
import { temporaryFolder } from '../support/folders.ts';
import { digest, lock, nodeDisk } from '../support/node-disk.ts';

const facts = { format: 'qcow2', size: 5e6, virtualSize: 2e9 };
const inspect = (files: DiskFiles, file = '/nowhere/x.qcow2') => inspectDisk({ file, facts, files });

test('an image without a lock is described by its record and its packages', async (t) => {
	const { inspection } = await inspect(await nodeDisk());
	const { size, ...rest } = inspection;
	t.is(size.file, 5e6);
	t.deepEqual(rest, {
		file: '/nowhere/x.qcow2',
		profile: 'debian12-x64-kubernetes',
		kubernetes: '1.20.2',
		debian: '12',
		release: 'bookworm',
		lock: null,
		snapshot: null,
		format: 'qcow2',
		components: [{ name: 'kubernetes', version: '1.20.2', licence: null }],
		containerImages: [{ name: 'pause', digest: null, archive: 'pause.tar', size: 6 }],
		packages: [
			{
				name: 'bash',
				version: '5.2.15-2+b8',
				architecture: 'amd64',
				source: 'bash@5.2.15-2',
				size: 7164 * 1024,
			},
			{ name: 'libc6', version: '2.36-9', architecture: 'amd64', source: 'glibc', size: 13001 * 1024 },
		],
	});
	t.regex(inspectionText(inspection), /^debian +12 \(bookworm\)\nlock +none\n/m);
});

test('record and lock next to an image are used if the image has none inside', async (t) => {
	const image = path.join(await temporaryFolder(), 'x.qcow2');
	const files = await nodeDisk({ '/usr/share/kstack/image.json': undefined });
	t.is((await inspect(files, image)).inspection.profile, null);
	await writeFile(image.replace('qcow2', 'json'), '{"profile": "mine", "kubernetes": "1.30.1"}');
	t.is((await inspect(files, image)).inspection.profile, 'mine');
	await writeFile(image.replace('qcow2', 'lock.json'), lockText(lock));
	const { inspection } = await inspect(files, image);
	t.is(inspection.lock, image.replace('qcow2', 'lock.json'));
	t.is(inspection.snapshot, '2026-11-21T10:00:00Z');
	t.deepEqual(inspection.components, [{ name: 'kubernetes', version: '1.20.2', licence: 'Apache-2.0' }]);
});

for (const [what, changes] of [
	['with a lock', { '/usr/share/kstack/image.lock.json': lockText(lock) }],
	['without a lock', {}],
] as const) {
	test(`the bill of materials of an image ${what} is what CycloneDX asks for`, async (t) => {
		const { inspection, lock: found } = await inspect(await nodeDisk(changes));
		const text = billOfMaterials(inspection, found);
		const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
		t.is(await validator.validate(text), null);
		t.not(await validator.validate(text.replace('"library"', '"package"')), null);
		t.is(billOfMaterials(inspection, found), text);
	});
}

interface Part {
	readonly name: string;
	readonly purl?: string;
	readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
	readonly licenses?: readonly unknown[];
	readonly components?: readonly Part[];
}

test('the bill of materials has package URLs, and the files of components', async (t) => {
	const files = await nodeDisk({ '/usr/share/kstack/image.lock.json': lockText(lock) });
	const { inspection, lock: found } = await inspect(files);
	const bill = JSON.parse(billOfMaterials(inspection, found)) as { components: Part[] };
	const part = (name: string) => bill.components.find((one) => one.name === name);
	t.is(part('libc6')?.purl, 'pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12&upstream=glibc');
	t.deepEqual(part('libc6')?.hashes, [
		{ alg: 'SHA-256', content: lock.packages.libc6?.checksum?.slice('sha256:'.length) as string },
	]);
	const pause = part('registry.k8s.io/pause');
	t.is(pause?.hashes?.[0]?.content, digest('sha256', 'a manifest'));
	t.is(
		pause?.purl,
		`pkg:oci/pause@sha256:${digest('sha256', 'a manifest')}?arch=amd64&repository_url=registry.k8s.io%2Fpause&tag=3.2`,
	);
	const kubernetes = part('kubernetes');
	t.deepEqual(kubernetes?.licenses, [{ license: { id: 'Apache-2.0' } }]);
	t.deepEqual(
		kubernetes?.components?.map(({ name, hashes }) => [name, hashes?.[0]?.content]),
		[
			[
				'/usr/local/bin/kubelet',
				lock.components.kubernetes?.files?.['/usr/local/bin/kubelet']?.slice('sha256:'.length),
			],
		],
	);
});
