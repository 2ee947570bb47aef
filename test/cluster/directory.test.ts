import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { dump, load } from 'js-yaml';
import { setValues, writeSecret } from '../../src/cluster/heat/directory.ts';
import type { Value } from '../../src/cluster/spec/settings.ts';
import { temporaryFolder } from '../support/folders.ts';

test('setting values keeps comments, order and all else of the file', async (t) => {
	const file = path.join(await temporaryFolder(), 'cluster.yaml');
	await writeFile(file, "# mine\nname: demo\n\nminions: 3   # as many as we can pay\n# end\nkeyName: ''\n");
	await setValues(file, '', { minions: 4, keyName: 'ops' });
	t.is(
		await readFile(file, 'utf8'),
		'# mine\nname: demo\n\nminions: 4   # as many as we can pay\n# end\nkeyName: ops\n',
	);
});

test('a file with CRLF line ends keeps them, and one with both is left as it is', async (t) => {
	const file = path.join(await temporaryFolder(), 'cluster.yaml');
	await writeFile(file, '# mine\r\nminions: 3 # few\r\nlist:\r\n- a\r\n');
	await setValues(file, '', { minions: 4, keyName: 'ops' });
	t.is(await readFile(file, 'utf8'), '# mine\r\nminions: 4 # few\r\nlist:\r\n- a\r\nkeyName: ops\r\n');
	await writeFile(file, '# mine\r\nminions: 3\n');
	await setValues(file, '', { minions: 4 });
	t.is(await readFile(file, 'utf8'), '# mine\r\nminions: 4\n');
});

test('a value that the file does not have is added at the end of a file that is all ours', async (t) => {
	const file = path.join(await temporaryFolder(), 'cluster.yaml');
	await writeFile(file, 'name: demo\n\n\n');
	await setValues(file, '', { minions: 4 });
	t.is(await readFile(file, 'utf8'), 'name: demo\nminions: 4\n');
});

test('values of a mapping are set where they are, and never elsewhere', async (t) => {
	const file = path.join(await temporaryFolder(), 'parameters.yaml');
	const text = 'minion_count: top\nparameters:\n  minion_count: 3\n  recorded:\n    minion_count: deep\n';
	await writeFile(file, text);
	await setValues(file, '  ', { minion_count: 4, gateway_count: 1 });
	t.is(await readFile(file, 'utf8'), text.replace('minion_count: 3', 'minion_count: 4'));
});

test('a value that spans lines is replaced as a whole', async (t) => {
	const file = path.join(await temporaryFolder(), 'parameters.yaml');
	await writeFile(
		file,
		'parameters:\n  dns_nameserver:\n    - 192.0.2.1\n    - 192.0.2.2\n  pod_cidr: x # y\n',
	);
	await setValues(file, '  ', { dns_nameserver: '192.0.2.1,192.0.2.2' });
	t.deepEqual(load(await readFile(file, 'utf8')), {
		parameters: { dns_nameserver: '192.0.2.1,192.0.2.2', pod_cidr: 'x' },
	});
});

test('for any values, the file has the new ones and nothing else changes', async (t) => {
	const file = path.join(await temporaryFolder(), 'cluster.yaml');
	const line = fc.oneof(
		fc.string({ unit: fc.constantFrom(...'ab#"\'\\: ,[]{}&*!|>%@~$`-') }),
		fc.string({ unit: 'grapheme' }).map((value) => value.replace(/[\n\r\0]/g, '')),
		fc.constantFrom('a #b', "it's #1", '"', "''", '$&', '$1', 'true', '1e3', ''),
	);
	const value: fc.Arbitrary<Value> = fc.oneof(line, fc.integer(), fc.boolean());
	await fc.assert(
		fc.asyncProperty(value, value, value, async (before, after, other) => {
			const entry = (key: string, is: Value) => dump({ [key]: is }, { lineWidth: -1 }).replace(/\n$/, '');
			const text = (is: Value) =>
				`# a\nname: demo\n${entry('noProxy', is)} # why\n# b\n${entry('keyName', other)}\n`;
			await writeFile(file, text(before));
			await setValues(file, '', { noProxy: after });
			t.is(await readFile(file, 'utf8'), text(after));
			t.deepEqual(load(text(after)), { name: 'demo', noProxy: after, keyName: other });
		}),
		{ numRuns: 400 },
	);
});

test('a secret is readable by its owner only, even if the file existed with a wider mode', async (t) => {
	const file = path.join(await temporaryFolder(), 'secrets.yaml');
	await writeFile(file, '', { mode: 0o644 });
	await writeSecret(file, 'token\n');
	t.is((await stat(file)).mode & 0o777, 0o600);
	t.is(await readFile(file, 'utf8'), 'token\n');
});

test('a secret that cannot be written leaves the former one, and no other file', async (t) => {
	const folder = await temporaryFolder();
	const file = path.join(folder, 'kubeconfig');
	await writeSecret(file, 'former\n');
	const inode = (await stat(file)).ino;
	await writeSecret(file, 'present\n');
	t.not((await stat(file)).ino, inode, 'a reader sees the whole former text or the whole present one');
	await mkdir(path.join(folder, 'occupied/by'), { recursive: true });
	await t.throwsAsync(writeSecret(path.join(folder, 'occupied'), 'token\n'));
	t.deepEqual((await readdir(folder)).sort(), ['kubeconfig', 'occupied']);
});
