import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import type { UserError } from '../../src/base/errors.ts';
import { packageRoot } from '../../src/base/package.ts';
import { differences, type Lock, lockText, readLock } from '../../src/image/spec/lock.ts';
import { temporaryFolder } from '../support/folders.ts';
import { output, systemPath, tool } from '../support/processes.ts';

const digest = (digit: string) => `sha256:${digit.repeat(64)}`;

const lock: Lock = {
	kimg: '0.2.0',
	profile: 'debian12-x64-kubernetes',
	debian: { release: 'bookworm', date: '2026-11-21T10:00:00Z' },
	elements: digest('a'),
	components: {
		etcd: {
			version: '3.6.14',
			url: 'https://example.org/etcd.tar.gz',
			checksum: digest('b'),
			licence: 'Apache-2.0',
			files: { '/usr/local/bin/etcd': digest('c') },
		},
	},
	images: { 'example.org/hello:1': { archive: 'hello.tar', digest: digest('d'), checksum: digest('9') } },
	packages: { bash: { version: '5.2', architecture: 'amd64', checksum: digest('e') } },
};

async function written(text: string): Promise<string> {
	const file = path.join(await temporaryFolder(), 'x.lock.json');
	await writeFile(file, text);
	return file;
}

test('a lock is read back as written', async (t) => {
	t.deepEqual(await readLock(await written(lockText(lock))), lock);
});

test('all mistakes in a lock are reported at once; another file is refused', async (t) => {
	const { elements: _, ...rest } = lock;
	const wrong = {
		...rest,
		debian: { release: 'bookworm', date: 'today' },
		packages: { bash: { version: '5' } },
	};
	const error = await t.throwsAsync<UserError>(readLock(await written(JSON.stringify(wrong))));
	t.is(error?.exitCode, 2);
	for (const part of [
		'3 mistakes',
		'elements is missing',
		'date is "today"',
		'packages.bash.architecture is missing',
	])
		t.true(error?.message.includes(part), part);
	await t.throwsAsync(readLock(await written('{')), { message: /cannot be read as a lock/ });
	await t.throwsAsync(readLock('/nowhere.lock.json'), { message: /cannot be read as a lock: ENOENT/ });
});

test('every difference between two locks is reported, except dates', (t) => {
	t.deepEqual(
		differences(lock, { ...lock, kimg: '9', debian: { ...lock.debian, date: '2027-01-01T00:00:00Z' } }),
		[],
	);
	const etcd = lock.components.etcd as NonNullable<Lock['components'][string]>;
	const other: Lock = {
		...lock,
		elements: digest('f'),
		components: { etcd: { ...etcd, version: '3.6.13', files: { '/usr/local/bin/etcd': digest('0') } } },
		images: {},
		packages: {
			bash: { version: '5.3', architecture: 'amd64' },
			dash: { version: '1', architecture: 'all' },
		},
	};
	t.deepEqual(differences(lock, other), [
		`the elements: the lock has ${digest('a')}, found ${digest('f')}`,
		`component etcd: the lock has 3.6.14 ${digest('b')}, found 3.6.13 ${digest('b')}`,
		`file /usr/local/bin/etcd: the lock has ${digest('c')}, found ${digest('0')}`,
		`container image example.org/hello:1: the lock has hello.tar ${digest('d')} (${digest('9')}), found none`,
		`package bash: the lock has 5.2 amd64 ${digest('e')}, found 5.3 amd64`,
		'package dash: the lock has none, found 1 all',
	]);
});

test('files of components are compared if both locks have them', (t) => {
	const { files: _, ...etcd } = lock.components.etcd as NonNullable<Lock['components'][string]>;
	t.deepEqual(differences(lock, { ...lock, components: { etcd } }), []);
});

test('archives of container images are compared if both locks have them, digests always', (t) => {
	const hello = (image: Lock['images'][string]) => ({ ...lock, images: { 'example.org/hello:1': image } });
	const archive = 'hello.tar';
	t.deepEqual(differences(lock, hello({ archive, digest: digest('d') })), []);
	t.deepEqual(differences(hello({ archive, digest: digest('d') }), hello({ archive, digest: digest('0') })), [
		`container image example.org/hello:1: the lock has hello.tar ${digest('d')}, found hello.tar ${digest('0')}`,
	]);
	t.is(differences(lock, hello({ archive, digest: digest('d'), checksum: digest('0') })).length, 1);
});

test('the lock in the image has the installed packages', async (t) => {
	const root = await temporaryFolder();
	const file = await written(
		lockText({ ...lock, packages: { ...lock.packages, gone: { version: '1', architecture: 'all' } } }),
	);
	await mkdir(path.join(root, 'var/lib/dpkg'), { recursive: true });
	const entry = (name: string, version: string, status = 'install ok installed') =>
		`Package: ${name}\nStatus: ${status}\nMaintainer: x <x@example.org>\nVersion: ${version}\nArchitecture: amd64\nDescription: x\n`;
	await writeFile(
		path.join(root, 'var/lib/dpkg/status'),
		[entry('bash', '5.2'), entry('kernel', '6.1'), entry('removed', '1', 'deinstall ok config-files')].join(
			'\n',
		),
	);
	tool('jq', 'jq');
	await output(path.join(packageRoot, 'elements/image-lock/cleanup.d/96-image-lock'), [], {
		env: {
			DIB_IMAGE_LOCK: file,
			TARGET_ROOT: root,
			PATH: `${path.join(packageRoot, 'scripts/image/as-root')}:${systemPath}`,
		},
	});
	t.deepEqual(await readLock(file), {
		...lock,
		packages: { ...lock.packages, kernel: { version: '6.1', architecture: 'amd64' } },
	});
	const inside = await readFile(path.join(root, 'usr/share/kstack/image.lock.json'), 'utf8');
	t.is(inside, await readFile(file, 'utf8'));
	t.is(inside, lockText(await readLock(file)));
});

test('without a lock, the image gets none and the build continues', async (t) => {
	const root = await temporaryFolder();
	await output(path.join(packageRoot, 'elements/image-lock/cleanup.d/96-image-lock'), [], {
		env: { TARGET_ROOT: root },
	});
	await t.throwsAsync(readFile(path.join(root, 'usr/share/kstack/image.lock.json')), { code: 'ENOENT' });
});
