import { chmod } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { diffCode, differenceOf, differenceText } from '../../src/image/disk/diff.ts';
import type { DiskFiles } from '../../src/image/disk/disk-files.ts';
import { nodeDisk } from '../support/node-disk.ts';

const facts = { format: 'qcow2', size: 0, virtualSize: 0 };
const asDisk = (files: DiskFiles) => ({ file: '/nowhere/x.qcow2', facts, files });
const compare = async (a: DiskFiles, b: DiskFiles) => differenceOf(asDisk(a), asDisk(b));

test('two disks with the same content have no differences, whatever their times', async (t) => {
	const found = await compare(await nodeDisk(), await nodeDisk());
	t.deepEqual(found, { facts: [], components: [], packages: [], files: [] });
	t.is(diffCode(found), 0);
	t.is(differenceText(found, new Set()), 'The images have the same content.');
});

test('every kind of change to a file is reported, with its sizes', async (t) => {
	const after = await nodeDisk({
		'/etc/added': 'four',
		'/etc/passwd': undefined,
		'/usr/local/bin/kubelet': 'b kubelet',
		'/usr/share/kstack/images/pause.tar': 'more layers',
		'/etc/rc2.d/S01ssh': '-> ../init.d/elsewhere',
		'/etc/machine-id': '-> /run/machine-id',
	});
	await chmod(path.join(after.folder, 'etc/shadow'), 0o600);
	const found = await compare(await nodeDisk(), after);
	t.deepEqual(found.files, [
		{ path: '/etc/added', before: null, after: 4, what: ['added'] },
		{ path: '/etc/machine-id', before: 0, after: 15, what: ['type'] },
		{ path: '/etc/passwd', before: 32, after: null, what: ['removed'] },
		{ path: '/etc/rc2.d/S01ssh', before: 13, after: 19, what: ['content'] },
		{ path: '/etc/shadow', before: 48, after: 48, what: ['mode'] },
		{ path: '/usr/local/bin/kubelet', before: 9, after: 9, what: ['content'] },
		{ path: '/usr/share/kstack/images/pause.tar', before: 6, after: 11, what: ['content'] },
	]);
	t.is(diffCode(found), 3);
	const text = differenceText(found, new Set(['/usr/local/bin/kubelet']));
	t.regex(text, /^FILE +WHAT +BYTES +CHANGE\n\/etc\/added +added +4 +\+4\n/);
	t.regex(text, /^\/etc\/passwd +removed +32 +-32$/m);
	t.false(text.includes('kubelet'));
	t.regex(text, /\n\n1 files of these packages differ; -o json lists them\.$/);
});

test('versions of the image, of components and of packages are compared by name', async (t) => {
	const found = await compare(
		await nodeDisk(),
		await nodeDisk({
			'/usr/share/kstack/image.json':
				'{"profile": "debian12-x64-kubernetes", "kubernetes": "1.20.4", "components": {"kubernetes": "1.20.4", "etcd": "3.5.29"}}\n',
			'/var/lib/dpkg/status':
				'Package: libc6\nStatus: install ok installed\nVersion: 2.36-10\n\nPackage: zstd\nStatus: install ok installed\nVersion: 1.5\n',
		}),
	);
	t.deepEqual(found.facts, [{ name: 'kubernetes', before: '1.20.2', after: '1.20.4' }]);
	t.deepEqual(found.components, [
		{ name: 'etcd', before: null, after: '3.5.29' },
		{ name: 'kubernetes', before: '1.20.2', after: '1.20.4' },
	]);
	t.deepEqual(found.packages, [
		{ name: 'bash', before: '5.2.15-2+b8', after: null },
		{ name: 'libc6', before: '2.36-9', after: '2.36-10' },
		{ name: 'zstd', before: null, after: '1.5' },
	]);
	t.regex(differenceText(found, new Set()), /^bash +5\.2\.15-2\+b8 +-$/m);
});
