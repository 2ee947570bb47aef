import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import type { UserError } from '../../src/base/errors.ts';
import { planFor } from '../../src/image/build/request.ts';
import { renderImage } from '../../src/image/operations/render.ts';
import { packagesOf } from '../../src/image/spec/elements.ts';
import { readProfile } from '../../src/image/spec/profile-file.ts';
import { profileNamed } from '../../src/image/spec/profiles.ts';
import { temporaryFolder } from '../support/folders.ts';

/** A folder with these files, and the path of the first. */
async function files(content: Readonly<Record<string, string | Buffer>>): Promise<string> {
	const folder = await temporaryFolder();
	for (const [name, text] of Object.entries(content)) {
		await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
		await writeFile(path.join(folder, name), text);
	}
	return path.join(folder, Object.keys(content)[0] as string);
}

const checksum = `sha256:${'a'.repeat(64)}`;

test('a profile file changes the profile that it is based on', async (t) => {
	const file = await files({
		'mine.yaml': `
base: debian12-x64-kubernetes
remark: ours
versions:
  etcd: 3.6.13
  runc: { version: 1.99.0, checksum: '${checksum}' }
packages: [htop, strace]
images: [images/hello.tar, 'example.org/tools:1.0', 'example.org/dns:1@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb']
elements: [elements/greeting]
`,
		'images/hello.tar': 'an archive',
		'elements/greeting/static/etc/motd': 'Hello\n',
		'elements/greeting/install.d/50-greet': '#!/bin/bash\necho hello\n',
		'elements/greeting/element-deps': 'install-static\n',
	});
	const { plan } = await planFor(file, 'upstream');
	t.is(plan.profile.name, 'mine');
	t.is(plan.profile.release, 'bookworm');
	t.is(plan.components.etcd, '3.6.13');
	const runc = plan.fetched.find(({ name }) => name === 'runc');
	t.is(runc?.checksum, checksum);
	t.is(runc?.published, path.basename(file));
	t.regex(runc?.url ?? '', /v1\.99\.0\/runc\.amd64$/);
	t.deepEqual(plan.archives, [path.join(path.dirname(file), 'images/hello.tar')]);
	t.deepEqual(
		plan.images.slice(-2).map(({ reference, digest }) => [reference, digest]),
		[
			['example.org/tools:1.0', undefined],
			['example.org/dns:1', `sha256:${'b'.repeat(64)}`],
		],
	);

	const tree = await renderImage(plan);
	const greet = tree.find((one) => one.path === 'elements/greeting/install.d/50-greet');
	t.is(greet?.mode, 0o755);
	t.regex(tree.find((one) => one.path === 'build')?.text ?? '', / own-packages greeting$/m);
	const elements = tree.map((one) => ({ ...one, path: one.path.replace(/^elements\//, '') }));
	const packages = packagesOf(elements, 'bookworm');
	t.true(['htop', 'strace', 'jq'].every((name) => packages.includes(name)));
});

test('a profile file can be based on another file; the additions of both count', async (t) => {
	const file = await files({
		'gpu/mine.yaml': "base: ../common.yaml\nname: gpu\npackages: [nvtop]\nversions: { etcd: '3.6.12' }\n",
		'common.yaml':
			'base: debian13-x64-kubernetes\npackages: [htop]\nversions: { etcd: 3.6.13, runc: 1.4.2 }\nremark: common\n',
	});
	const profile = await readProfile(file);
	t.is(profile.name, 'gpu');
	t.is(profile.debian, 13);
	t.is(profile.remark, 'common');
	t.deepEqual(profile.packages, ['htop', 'nvtop']);
	t.deepEqual(profile.choices, { etcd: { version: '3.6.12' }, runc: { version: '1.4.2' } });
});

test('a name without .yaml is a built-in profile, also if such a file exists', async (t) => {
	t.is(await readProfile('debian13-x64-kubernetes'), profileNamed('debian13-x64-kubernetes'));
	const error = await t.throwsAsync<UserError>(readProfile(await files({ 'x.yaml': 'a: [' })));
	t.regex(error?.message ?? '', /x\.yaml is not YAML/);
	await t.throwsAsync(readProfile('/nowhere/x.yaml'), { message: /cannot be read: ENOENT/ });
});

test('all mistakes of a profile file and of its base are reported at once', async (t) => {
	const file = await files({
		'wrong.yaml': `
base: common.yaml
name: debian12-x64-kubernetes
colour: red
versions: { etcd: 9.9.9, docker: 1.0.0, runc: { version: new, checksum: md5 } }
packages: [Big Package]
images: [gone.tar, notes.txt]
elements: [elements/kubernetes-node, elements/Gone, elements/binary]
`,
		'common.yaml': 'base: debian7\n',
		'notes.txt': '',
		'elements/kubernetes-node/README.rst': '',
		'elements/binary/static/usr/bin/tool': Buffer.from([0x7f, 0x45, 0xff, 0xfe]),
	});
	const error = await t.throwsAsync<UserError>(readProfile(file));
	t.is(error?.exitCode, 2);
	for (const mistake of [
		/common\.yaml: base is debian7: There is no profile "debian7"\.$/m,
		/wrong\.yaml: name is debian12-x64-kubernetes, /,
		/wrong\.yaml: colour is not a known key/,
		/versions\.etcd is 9\.9\.9, whose checksum .*\{ version: 9\.9\.9/,
		/versions\.docker is .*\betcd\b/,
		/versions\.runc\.version is "new"/,
		/versions\.runc\.checksum is "md5"/,
		/packages\[0\] is "Big Package"/,
		/images has \S+gone\.tar, /,
		/images has notes\.txt, which must be an image .*, or a \.tar/,
		/elements has \S+kubernetes-node, but kimg has an element kubernetes-node/,
		/elements has \S+Gone, whose name is invalid for diskimage-builder/,
		/elements has \S+Gone, .* folder/,
		/elements has binary\/static\/usr\/bin\/tool, which is not a text file/,
	]) {
		t.regex(error?.message ?? '', mistake);
	}
	t.regex(error?.message ?? '', /^14 mistakes:/);
});

test('--with-image adds to the images of the profile, and all its mistakes are reported at once', async (t) => {
	const file = await files({
		'mine.yaml': 'base: debian12-x64-kubernetes\nimages: [hello.tar]\n',
		'hello.tar': '',
		'more.tar': '',
	});
	const more = path.join(path.dirname(file), 'more.tar');
	const profile = await readProfile(file, ['quay.io/team/tool:1', more]);
	t.deepEqual(profile.images.slice(1), ['quay.io/team/tool:1', more]);
	t.deepEqual((await readProfile('debian12-x64-kubernetes', [more])).images, [more]);
	const error = await t.throwsAsync<UserError>(
		readProfile(file, ['gone.tar', 'nginx', 'quay.io/team/tool', path.join(path.dirname(file), 'hello.tar')]),
	);
	t.is(error?.exitCode, 2);
	t.regex(error?.message ?? '', /^4 mistakes:/);
	for (const mistake of [
		/--with-image has \S+\/gone\.tar, /,
		/--with-image has nginx, which must be an image with its registry/,
		/--with-image has quay\.io\/team\/tool, which must be an image/,
		/--with-image has hello\.tar, /,
	])
		t.regex(error?.message ?? '', mistake);
});

test('profiles that are based on each other are refused', async (t) => {
	const file = await files({ 'one.yaml': 'base: two.yaml\n', 'two.yaml': 'base: one.yaml\n' });
	const error = await t.throwsAsync(readProfile(file));
	t.regex(error?.message ?? '', /two\.yaml: base is one\.yaml, which is based on this one/);
});

test('a version of a component that does not come from upstream is refused', async (t) => {
	const file = await files({
		'mine.yaml': 'base: debian12-x64-kubernetes\nversions: { kubernetes: 1.20.4, etcd: 3.5.28 }\n',
	});
	// Beside Kubernetes 1.20, Debian 12 has an etcd of its own.
	await t.throwsAsync(planFor(file, 'upstream'), { message: /^mine sets a version of etcd, but/ });
});
