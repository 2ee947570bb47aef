// Container images from a real registry on this machine, and into a real containerd.

import { once } from 'node:events';
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import path from 'node:path';
import test from 'ava';
import type { UserError } from '../../src/base/errors.ts';
import { packageRoot } from '../../src/base/package.ts';
import { readSupply } from '../../src/image/fetch/fetch.ts';
import { fetchImage, resolveImage } from '../../src/image/fetch/fetch-images.ts';
import { readArchive } from '../../src/image/fetch/image-archive.ts';
import { readLock } from '../../src/image/spec/lock.ts';
import { containerd } from '../support/containerd.ts';
import { temporaryFolder } from '../support/folders.ts';
import { archive, machine } from '../support/kimg.ts';
import { output } from '../support/processes.ts';
import { madeImage, registry, sha256 } from '../support/registry.ts';

async function folders() {
	return { cache: await temporaryFolder(), work: await temporaryFolder() };
}

/** What is left in a cache and a build's folder, empty folders aside. */
async function filesIn({ cache, work }: { cache: string; work: string }): Promise<string[]> {
	const entries = await Promise.all(
		[cache, work].map((folder) => readdir(folder, { recursive: true, withFileTypes: true })),
	);
	return entries.flat().flatMap((entry) => (entry.isFile() ? [entry.name] : []));
}

test('an image is fetched by tag or digest, unchanged, and then read from the cache', async (t) => {
	const { address, push, pushList, end } = await registry(t);
	const supply = readSupply(undefined, undefined, address);
	const places = await folders();
	const one = await push('example.org/team/one', '1', 'one');
	// A mirror may leave the name of the image's own registry away.
	const list = await pushList('team/several', 'v2', 'several');
	const found = await resolveImage({ reference: 'example.org/team/one:1' }, places, supply);
	t.is(found.digest, one.digest);
	const several = { reference: 'example.org/team/several:v2', digest: list.digest };
	const [ofOne, ofSeveral] = [
		await fetchImage(found, places, supply),
		await fetchImage(several, places, supply),
	];
	t.deepEqual(await readArchive(ofOne), [
		{
			digest: one.digest,
			references: ['example.org/team/one:1', `example.org/team/one@${one.digest}`],
		},
	]);
	t.deepEqual(await readArchive(ofSeveral), [
		{
			digest: list.digest,
			references: ['example.org/team/several:v2', `example.org/team/several@${list.digest}`],
		},
	]);
	t.deepEqual((await filesIn(places)).sort(), [ofOne, ofSeveral].map((file) => path.basename(file)).sort());

	await end();
	t.is(await fetchImage(several, places, supply), ofSeveral);
	const again = await folders();
	await mkdir(path.join(again.work, 'offline'));
	await copyFile(ofSeveral, path.join(again.work, 'offline/example.org_team_several_v2.tar'));
	const offline = readSupply(path.join(again.work, 'offline'));
	const copied = await fetchImage(several, again, offline);
	t.is(sha256(await readFile(copied)), sha256(await readFile(ofSeveral)));
	// An archive on its own says which image it is.
	t.is((await resolveImage({ reference: several.reference }, again, offline)).digest, list.digest);
});

test('the message for a wrong digest has the image, both digests and the source, and no file stays', async (t) => {
	const { host, address, push } = await registry(t);
	const places = await folders();
	const { digest } = await push('example.org/team/one', '1', 'one');
	const pinned = { reference: 'example.org/team/one:1', digest: sha256('other'), published: 'a list' };
	const error = await t.throwsAsync<UserError>(
		fetchImage(pinned, places, readSupply(undefined, undefined, address)),
	);
	t.is(
		error?.message,
		[
			'example.org/team/one:1 is not the image that was pinned:',
			`expected ${sha256('other')}`,
			`got      ${digest}`,
			`source   ${host}/example.org/team/one:1`,
		].join('\n    '),
	);
	t.is(error?.hint, 'The digest is from: a list.');
	t.deepEqual(await filesIn(places), []);
});

test('an archive of another image, or a truncated one, is not used', async (t) => {
	const folder = await temporaryFolder();
	const places = await folders();
	const made = await madeImage('example.org/team/one:1', 'one');
	const file = path.join(folder, 'example.org_team_one_1.tar');
	await copyFile(made, file);
	const digest = (await readArchive(made))[0]?.digest as string;
	const supply = readSupply(folder);
	const pinned = { reference: 'example.org/team/one:1', digest: sha256('other') };
	const error = await t.throwsAsync(fetchImage(pinned, places, supply));
	t.true(
		error?.message.includes(`expected ${sha256('other')}\n    got      ${digest}\n    source   ${file}`),
	);
	await writeFile(file, (await readFile(made)).subarray(0, 2000));
	await t.throwsAsync(fetchImage({ ...pinned, digest }, places, supply), {
		message: /cannot be read as a container image archive/,
	});
	t.deepEqual(await filesIn(places), []);
});

test('the message for an unreachable registry names every place that was tried', async (t) => {
	const { host, address, end } = await registry(t);
	await end();
	const places = await folders();
	const supply = readSupply(undefined, undefined, address);
	const error = await t.throwsAsync<UserError>(
		resolveImage({ reference: 'example.org/team/one:1' }, places, supply),
	);
	t.regex(error?.message ?? '', /^example\.org\/team\/one:1 cannot be fetched:\n/);
	for (const place of [`${host}/example.org/team/one:1`, `${host}/team/one:1`])
		t.regex(error?.message ?? '', new RegExp(`\\n {4}${place}: .*connection refused`));
	t.regex(error?.hint ?? '', /--registry-mirror/);
	t.deepEqual(await filesIn(places), []);
});

test('kimg lock records the digest of a tag, and --locked fetches this digest', async (t) => {
	const { address, push } = await registry(t);
	const { cwd, kimg } = await machine(await archive());
	const { digest } = await push('example.org/team/one', '1', 'one');
	await copyFile(await madeImage('example.org/made:1', 'made'), path.join(cwd, 'made.tar'));
	const added = ['--with-image', 'example.org/team/one:1', '--with-image', 'made.tar'];
	const ended = await kimg(['lock', ...added, '--registry-mirror', address]);
	t.is(ended.code, 0, ended.stderr);
	const { images } = await readLock(ended.stdout.trim());
	t.deepEqual(images['example.org/team/one:1'], { archive: 'example.org_team_one_1.tar', digest });
	t.is(images['example.org/made:1']?.checksum, sha256(await readFile(path.join(cwd, 'made.tar'))));
	t.regex(images['registry.k8s.io/pause:3.2']?.digest ?? '', /^sha256:927d/);

	// The tag moves on; the lock does not.
	await push('example.org/team/one', '1', 'another one');
	const moved = await kimg(['lock', ...added, '--registry-mirror', address, '--out', 'moved.json']);
	t.not((await readLock(moved.stdout.trim())).images['example.org/team/one:1']?.digest, digest);
	if (process.getuid?.() !== 0) return;
	await mkdir(path.join(cwd, 'nothing'));
	const built = await kimg([
		...['build', '--locked', '--mirror', 'nothing', '--with-image', 'made.tar'],
		...['--with-image', 'example.org/team/other:1@'.concat(digest)],
	]);
	t.is(built.code, 1, built.stderr);
	t.regex(built.stderr, /container image example\.org\/team\/one:1: the lock has .*, found none/);
	t.regex(built.stderr, /container image example\.org\/team\/other:1: the lock has none, found /);
});

test('kimg, interrupted while a registry does not answer, leaves no files and no skopeo process', async (t) => {
	const { cache, kimg } = await machine(await archive());
	const waiting = createServer();
	waiting.listen(0, '127.0.0.1');
	await once(waiting, 'listening');
	const { port } = waiting.address() as AddressInfo;
	const sockets: Socket[] = [];
	waiting.on('connection', (socket) => sockets.push(socket));
	t.teardown(() => {
		for (const socket of sockets) socket.destroy();
		waiting.close();
	});
	const asked = once(waiting, 'connection');
	let startUpgrade = false;
	const ended = await kimg(
		[
			...['lock', '--verbose', '--with-image', 'example.org/team/one:1'],
			...['--registry-mirror', `http://127.0.0.1:${port}`],
		],
		{
			onStderr: (text, pid) => {
				if (startUpgrade || !text.includes('skopeo')) return;
				startUpgrade = true;
				void asked.then(() => process.kill(pid, 'SIGTERM'));
			},
		},
	);
	t.is(ended.code, 143, ended.stderr);
	await Promise.all(sockets.map((socket) => socket.destroyed || once(socket.resume(), 'close')));
	t.deepEqual(await readdir(path.join(cache, 'work')), []);
	t.deepEqual(await readdir(path.join(cache, 'downloads')).catch(() => []), []);
});

test('two images with the same name, and archives without a name, are refused in one message', async (t) => {
	const { cwd, kimg } = await machine(await archive());
	await copyFile(await madeImage('registry.k8s.io/pause:3.2', 'no pause'), path.join(cwd, 'pause.tar'));
	await writeFile(path.join(cwd, 'broken.tar'), 'no archive');
	const ended = await kimg(['lock', '--with-image', 'pause.tar', '--with-image', 'broken.tar']);
	t.is(ended.code, 2);
	t.regex(ended.stderr, /^kimg: 2 mistakes:\n/);
	t.regex(ended.stderr, /broken\.tar cannot be read as a container image archive/);
	t.regex(ended.stderr, /registry\.k8s\.io\/pause:3\.2: pause\.tar and registry\.k8s\.io_pause_3\.2\.tar/);
});

test("a node's containerd has every image under the names that pods use, imported once", async (t) => {
	if (process.getuid?.() !== 0) {
		t.log('skipped: containerd is run by root alone');
		return t.pass();
	}
	const { address, push, pushList } = await registry(t);
	const { env, imageStatus } = await containerd(t);
	const places = await folders();
	const supply = readSupply(undefined, undefined, address);
	const one = await push('example.org/team/one', '1', 'one');
	const list = await pushList('example.org/team/several', 'v2', 'several');
	const archives = await temporaryFolder();
	for (const image of [
		{ reference: 'example.org/team/one:1', digest: one.digest },
		{ reference: 'example.org/team/several:v2', digest: list.digest },
	]) {
		const file = await fetchImage(image, places, supply);
		await copyFile(file, path.join(archives, path.basename(file)));
	}
	await copyFile(await madeImage('example.org/made:1', 'made'), path.join(archives, 'made.tar'));

	const marks = path.join(await temporaryFolder(), 'marks');
	const program = path.join(packageRoot, 'elements/kubernetes-services/static/usr/local/sbin/kstack-images');
	const imports = async () =>
		(await output(program, [archives, marks], { env })).split('\n').filter((line) => line !== '');
	t.is((await imports()).length, 3);
	for (const name of [
		'example.org/made:1',
		'example.org/team/one:1',
		`example.org/team/one:1@${one.digest}`,
		`example.org/team/one@${one.digest}`,
		'example.org/team/several:v2',
		`example.org/team/several:v2@${list.digest}`,
	])
		t.regex(await imageStatus(name), /^sha256:/, name);
	t.is(await imageStatus('example.org/team/one:2'), '');
	const listed = await output('ctr', ['--namespace', 'k8s.io', 'images', 'list'], { env });
	for (const line of listed.split('\n').filter((line) => line.startsWith('example.org/')))
		t.regex(line, /io\.cri-containerd\.pinned=pinned/);

	t.deepEqual(await imports(), []);
	await rm(path.join(marks, 'made.tar'));
	t.deepEqual(await imports(), ['importing made.tar']);
});
