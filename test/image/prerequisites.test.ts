// What `kimg build` says of a machine that cannot build, and that it leaves such a machine as it was.
import { chmod, readdir } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { temporaryFolder } from '../support/folders.ts';
import { type Ended, runToEnd, systemPath } from '../support/processes.ts';
import { runnable } from '../support/runnable.ts';

/** `kimg build` in a mount namespace of its own, in which `setting` has changed what it finds. */
async function buildWhere(setting: string, as = ''): Promise<{ ended: Ended; there: string[] }> {
	const folder = await temporaryFolder();
	await chmod(folder, 0o777);
	const script = `${setting}\ncd "$1" && exec ${as} "$2" "$3" build debian12-x64-kubernetes --out new/node.qcow2`;
	const ended = await runToEnd(
		'unshare',
		[
			'--mount',
			'bash',
			'--norc',
			'-eu',
			'-c',
			script,
			'-',
			folder,
			process.execPath,
			runnable('src/kimg.ts'),
		],
		{ env: { PATH: systemPath, KSTACK_CACHE: path.join(folder, 'cache') } },
	);
	return { ended, there: await readdir(folder) };
}

const asRoot = (title: string, body: (t: ExecutionContext) => Promise<void>) =>
	test(title, async (t) => {
		if (process.getuid?.() === 0) return body(t);
		t.log('skipped: root alone can make this machine another one for a moment');
		t.pass();
	});

const hide = (command: string) => `mount --bind /dev/null "$(type -P ${command})"`;

asRoot('missing programs are named with their packages, and nothing is built', async (t) => {
	const { ended, there } = await buildWhere(`${hide('mmdebstrap')}\n${hide('qemu-img')}`);
	t.deepEqual(ended, {
		code: 2,
		stdout: '',
		stderr:
			'kimg: This machine cannot build the image yet:\n  - Not installed: qemu-img, mmdebstrap. On Debian: apt-get install qemu-utils mmdebstrap\n',
	});
	t.deepEqual(there, []);
});

asRoot('without root, the error says so and names everything else that is missing', async (t) => {
	const { ended, there } = await buildWhere(hide('kpartx'), 'unshare --user');
	t.is(ended.code, 2);
	t.is(
		ended.stderr,
		'kimg: This machine cannot build the image yet:\n  - Not root: a build mounts file systems and writes files of other owners. Run it with sudo.\n  - Not installed: kpartx. On Debian: apt-get install kpartx\n',
	);
	t.deepEqual(there, []);
});

asRoot('too little disk space is an error before the build', async (t) => {
	const { ended } = await buildWhere('mount -t tmpfs -o size=1m tmpfs "$1"');
	t.is(ended.code, 2);
	t.regex(
		ended.stderr,
		/^kimg: This machine cannot build the image yet:\n {2}- (\S+)\/cache and \1\/new are on one disk, which has 0\.0 GB free; the build needs 6\.0 GB\.\n$/,
	);
});
