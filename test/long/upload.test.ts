import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { type FakeGlance, fakeGlance, uploaded } from '../support/fake-glance.ts';
import { temporaryFolder } from '../support/folders.ts';
import { type HowToRun, runSource } from '../support/processes.ts';

/** As much of a qcow2 image as the stand-in for qemu-img wants to see. */
const content = Buffer.from('QFI\xfbreally', 'latin1');
const digest = createHash('sha256').update(content).digest('hex');
const glanceName = `debian12-x64-kubernetes-${digest.slice(0, 8)}`;

/** An image as kimg build leaves it, with what lies beside it. */
async function builtImage(packages: object = {}): Promise<string> {
	const base = path.join(await temporaryFolder(), 'node');
	await writeFile(`${base}.qcow2`, content);
	await writeFile(
		`${base}.json`,
		JSON.stringify({
			...{ profile: 'debian12-x64-kubernetes', contract: 1, kubernetes: '1.20.2' },
			components: { kubernetes: '1.20.2', 'cni-plugins': '1.9.0', flannel: '0.27.0' },
		}),
	);
	await writeFile(
		`${base}.lock.json`,
		JSON.stringify({
			...{ kimg: '0', profile: 'debian12-x64-kubernetes', elements: `sha256:${'0'.repeat(64)}` },
			...{ debian: { release: 'bookworm', date: '2026-01-01T00:00:00Z' }, components: {}, images: {} },
			packages: { 'etcd-server': { version: '3.4.23-4', architecture: 'amd64' }, ...packages },
		}),
	);
	return `${base}.qcow2`;
}

const upload = (file: string, { env }: FakeGlance, more: readonly string[] = [], how: HowToRun = {}) =>
	runSource('src/kimg.ts', ['upload', file, ...more], { env, ...how });

test('an image is uploaded once, under its name and digest, with the properties for OpenStack and kstack', async (t) => {
	const glance = await fakeGlance(t);
	glance.content = content;
	const file = await builtImage();
	const first = await upload(file, glance);
	t.is(first.code, 0, first.stderr);
	const [image] = glance.images;
	t.is(first.stdout, `${image?.id}\n`);
	t.is(image?.name, glanceName);
	const said = image?.asked.join(' ') ?? '';
	t.regex(said, / --min-disk 3 --min-ram 512 /);
	t.like(image?.properties, {
		...{ architecture: 'x86_64', os_type: 'linux', os_distro: 'debian', os_version: '12' },
		...{ hw_disk_bus: 'virtio', hw_vif_model: 'virtio', hw_rng_model: 'virtio' },
		...{ kstack_name: 'debian12-x64-kubernetes', kstack_profile: 'debian12-x64-kubernetes' },
		...{ kstack_sha256: digest, kstack_network_drivers: 'flannel,routed', kstack_contract: '1' },
		...{ kstack_kubernetes: '1.20.2', kstack_cni_plugins: '1.9.0', kstack_etcd: '3.4.23-4' },
	});
	t.false('hw_qemu_guest_agent' in (image?.properties ?? {}));

	const again = await upload(file, glance);
	t.deepEqual(again, {
		code: 0,
		stdout: first.stdout,
		stderr: `${glanceName} exists with the same content\n`,
	});
});

test('the same content that kimg 0.2.0 uploaded under the plain name is not uploaded again', async (t) => {
	const properties = { kstack_sha256: digest };
	const glance = await fakeGlance(t, uploaded('1', 'debian12-x64-kubernetes', { properties }));
	t.is((await upload(await builtImage(), glance)).stdout, '1\n');
	t.is(glance.images.length, 1);
});

test('a name of its own and the guest agent in the image are told', async (t) => {
	const glance = await fakeGlance(t);
	glance.content = content;
	const file = await builtImage({ 'qemu-guest-agent': { version: '7.2', architecture: 'amd64' } });
	await upload(file, glance, ['--name', 'mine']);
	t.is(glance.images[0]?.name, `mine-${digest.slice(0, 8)}`);
	t.like(glance.images[0]?.properties, { kstack_name: 'mine', hw_qemu_guest_agent: 'yes' });
});

test('an incomplete upload is deleted from Glance', async (t) => {
	const glance = await fakeGlance(t);
	glance.content = content.subarray(0, 4);
	const { code, stdout, stderr } = await upload(await builtImage(), glance);
	t.deepEqual([code, stdout], [1, '']);
	t.regex(stderr, /it has 4 bytes of 10, .*checksum/);
	t.deepEqual(glance.images, []);
});

test('Ctrl-C leaves nothing in Glance', async (t) => {
	const glance = await fakeGlance(t);
	let release = () => {};
	glance.whole = new Promise((resolve) => {
		release = resolve;
	});
	let watch: NodeJS.Timeout | undefined;
	const { code, stderr } = await upload(await builtImage(), glance, [], {
		onStderr: (_, pid) => {
			watch ??= setInterval(() => {
				if (glance.images.length === 0) return;
				clearInterval(watch);
				process.kill(pid, 'SIGINT');
				setTimeout(release, 100); // the stand-in holds its output open
			}, 20);
		},
	});
	t.is(code, 130, stderr);
	t.deepEqual(glance.images, []);
});

test('what a broken upload has left is removed by the next one, and one under way is not', async (t) => {
	const properties = { kstack_sha256: digest, kstack_name: 'debian12-x64-kubernetes' };
	const left = (id: string, kstack_uploader: string, created_at = new Date().toISOString()) =>
		uploaded(id, glanceName, {
			...{ status: 'saving', created_at },
			properties: { ...properties, kstack_uploader },
		});
	const glance = await fakeGlance(
		t,
		left('1', `${hostname()} ${process.pid}-1`),
		left('2', 'elsewhere 7-7'),
		left('3', 'elsewhere 7-7', '2026-01-01T00:00:00Z'),
	);
	glance.content = content;
	const { code, stdout, stderr } = await upload(await builtImage(), glance);
	t.is(code, 0, stderr);
	t.deepEqual(glance.images.map(({ id }) => id).sort(), ['2', stdout.trim()].sort());
	t.regex(stderr, /uploaded by elsewhere 7-7 \(2\)/);
});

test('what is not an image of kimg is refused before Glance is asked', async (t) => {
	const built = await builtImage();
	const folder = await temporaryFolder();
	const files = { 'text.qcow2': 'hello', 'empty.qcow2': '', 'nameless.qcow2': content };
	for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, name), text);
	for (const name of [...Object.keys(files), '.']) {
		const glance = await fakeGlance(t);
		const { code, stdout, stderr } = await upload(path.join(folder, name), glance);
		t.deepEqual([code, stdout], [2, ''], stderr);
		t.true(stderr.includes(path.join(folder, name)), stderr);
		t.deepEqual(glance.images, []);
	}
	const glance = await fakeGlance(t);
	glance.content = content;
	t.is((await upload(built, glance)).code, 0);
});
