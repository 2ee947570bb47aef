import { existsSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { attempt, withFolder } from '../cloud.ts';

const refused = test.macro({
	title: (_, args: readonly string[]) =>
		`kstack create ${args.join(' ')} is refused before anything is created`,
	exec: async (t, args: readonly string[], sentence: RegExp) => {
		await withFolder(async (folder) => {
			const { code, stderr, stdout } = await attempt('kstack', ['create', ...args], folder);
			t.is(code, 2, stderr);
			t.regex(stderr, sentence);
			t.is(stdout, '');
			t.false(existsSync(path.join(folder, args[0] as string)));
		});
	},
});

test.serial(refused, ['demo'], /A stack "demo" exists/);
test.serial(refused, ['other', '--image', 'nothing'], /There is no image "nothing"\. Available: .*debian12/);
test.serial(
	refused,
	[
		'other',
		'--minion-flavor',
		'm9.none',
		'--external-network',
		'nowhere',
		'--key-name',
		'lost',
		'--fixed-network',
		'n',
		'--fixed-subnet',
		's',
	],
	/(?=[\s\S]*no flavor "m9.none")(?=[\s\S]*no external network "nowhere")(?=[\s\S]*no key pair "lost")(?=[\s\S]*no network "n")(?=[\s\S]*no subnet "s")/,
);
test.serial(refused, ['other', '--minion-flavor', 'm1.tiny'], /m1\.tiny.*a minion needs 1024 MB/);

test.serial('every command reports a cluster that does not exist in one sentence', async (t) => {
	await withFolder(async (folder) => {
		for (const command of [
			['scale', 'nobody', '--minions', '2'],
			['status', 'nobody'],
			['delete', 'nobody'],
			['kubeconfig', 'nobody'],
		]) {
			const { code, stderr } = await attempt('kstack', command, folder);
			t.is(code, 1, command.join(' '));
			t.regex(stderr, /There is no cluster "nobody" on this cloud/);
		}
	});
});
