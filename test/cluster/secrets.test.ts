import { stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { load } from 'js-yaml';
import { operatorName, userNameFrom } from '../../src/cluster/heat/operator.ts';
import { cases, render, rendered } from '../support/clusters.ts';
import { output, tool } from '../support/processes.ts';

for (const [name, args] of Object.entries(cases)) {
	test(`in the case ${name} nothing but secrets.yaml and operator.key holds a secret`, async (t) => {
		const { tree } = await rendered(t, args);
		const text = (file: string) => tree.find((one) => one.path === file)?.text ?? '';
		const { join_token: token } = (load(text('secrets.yaml')) as { parameters: { join_token: string } })
			.parameters;
		t.regex(token, /^[a-z0-9]{6}\.[a-z0-9]{16}$/);
		const key = text('operator.key').split('\n').slice(1, -2).join('');
		t.true(key.length > 100);
		for (const file of tree) {
			const secret = ['secrets.yaml', 'operator.key'].includes(file.path);
			t.is(file.mode, secret ? 0o600 : 0o644, file.path);
			if (secret) continue;
			for (const form of [token, token.slice(7), key.slice(0, 40), 'PRIVATE KEY'])
				t.false(file.text.includes(form), `${file.path} holds ${form}`);
			// Nor in base64, as Heat parameters carry things.
			for (const [encoded] of file.text.matchAll(/[A-Za-z0-9+/]{60,}={0,2}/g))
				t.notRegex(Buffer.from(encoded, 'base64').toString('latin1'), /PRIVATE KEY/, file.path);
		}
	});
}

test("the operator's request is for the key that stays here, in the operator's own name and group", async (t) => {
	const { directory, tree } = await rendered(t, []);
	const file = tree.find((one) => one.path === 'parameters.yaml')?.text ?? '';
	const { parameters } = load(file) as { parameters: { operator_request: string } };
	const request = Buffer.from(parameters.operator_request, 'base64');
	const openssl = (args: string[], input: Buffer | string = '') =>
		output(tool('openssl', 'openssl'), args, { input });
	const asked = await openssl(['req', '-noout', '-verify', '-subject', '-nameopt', 'RFC2253'], request);
	t.is(asked.trim(), `subject=CN=${operatorName()},O=kstack:operators`);
	t.is(operatorName(), userNameFrom(userInfo().username));
	const key = path.join(directory, 'operator.key');
	t.is(await openssl(['req', '-noout', '-pubkey'], request), await openssl(['ec', '-in', key, '-pubout']));
});

test('each cluster gets tokens and a key of its own', async (t) => {
	const [one, other] = await Promise.all([render(t, []), render(t, [])]);
	for (const file of ['secrets.yaml', 'operator.key']) {
		const [a, b] = [one, other].map(({ tree }) => tree.find((each) => each.path === file)?.text);
		t.truthy(a);
		t.not(a, b);
	}
	t.true((await stat(path.join(one.directory, 'heat'))).isDirectory());
});
