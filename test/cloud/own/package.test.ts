import path from 'node:path';
import test from 'ava';
import { attempt, root, succeed, withFolder } from '../cloud.ts';

test.serial('the package of npm pack installs both programs with their templates', async (t) => {
	await withFolder(async (folder) => {
		const packed = JSON.parse(
			await succeed('npm', ['pack', '--json', '--pack-destination', folder], root),
		) as {
			filename: string;
		}[];
		await succeed('npm', [
			'install',
			'--global',
			'--prefix',
			folder,
			path.join(folder, packed[0]?.filename as string),
		]);
		const bin = (name: string) => path.join(folder, 'bin', name);
		for (const program of ['kimg', 'kstack']) {
			t.regex(await succeed(bin(program), ['--version']), /^\d+\.\d+\.\d+\n$/);
			t.regex(await succeed(bin(program), ['--help']), new RegExp(`^  ${program} COMMAND`, 'm'));
			t.regex(await succeed(bin(program), ['completion']), /compgen|complete /);
		}
		await succeed(bin('kstack'), ['render', 'packed', '--minions', '3'], folder);
		await succeed(bin('kimg'), ['render', 'debian13-x64-kubernetes'], folder);
		t.is((await attempt(bin('kimg'), ['list'], folder)).code, 0);
	});
});

test.serial('npm install -g . in a fresh clone installs both programs', async (t) => {
	await withFolder(async (folder) => {
		await succeed('git', ['clone', '--quiet', root, path.join(folder, 'clone')]);
		await succeed('npm', ['install', '--global', '--prefix', folder, '.'], path.join(folder, 'clone'));
		for (const program of ['kimg', 'kstack']) {
			t.regex(await succeed(path.join(folder, 'bin', program), ['--version']), /^\d+\.\d+\.\d+\n$/);
		}
		await succeed(path.join(folder, 'bin', 'kstack'), ['render', 'cloned', '--minions', '2'], folder);
	});
});
