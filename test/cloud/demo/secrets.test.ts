import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import test from 'ava';
import { load } from 'js-yaml';
import { ask, clusters, openstack } from '../cloud.ts';

/** A private key in PEM, or the beginning of one in base64 at any of the three offsets. */
const privateKey =
	/PRIVATE KEY-----|UFJJVkFURSBLRV|BSSVZBVEUgS0VZ|QUklWQVRFIEtFW|LS1CRUdJTiBFQyBQUklW|RSA PRIVATE/;

/** The user-data of a server, which an administrator can read from Nova: base64 of text or gzip. */
async function userData(server: string): Promise<string> {
	const shown = await ask<Record<string, string>>(
		...['--os-cloud', 'devcloud-admin', '--os-compute-api-version', '2.3', 'server', 'show', server],
	);
	const bytes = Buffer.from(String(shown['OS-EXT-SRV-ATTR:user_data']), 'base64');
	return bytes[0] === 0x1f ? gunzipSync(bytes).toString() : bytes.toString();
}

test('no server has a private key in its user-data', async (t) => {
	const servers = await ask<{ ID: string; Name: string }[]>('server', 'list');
	t.true(servers.length >= 4);
	for (const server of servers) {
		const text = await userData(server.ID);
		t.regex(text, /^#cloud-config$/m, server.Name);
		t.notRegex(text, privateKey, server.Name);
	}
});

test('no stack has a private key in its parameters, outputs or events, and hides the join token', async (t) => {
	const stacks = await ask<{ ID: string; 'Stack Name': string }[]>('stack', 'list', '--nested');
	t.true(stacks.length >= 4);
	for (const stack of stacks) {
		const shown = await openstack('stack', 'show', '-f', 'json', stack.ID);
		t.notRegex(shown, privateKey, stack['Stack Name']);
		t.notRegex(shown, /"(join|master)_token": "[^*]/, stack['Stack Name']);
	}
	t.notRegex(
		await openstack('stack', 'event', 'list', '--nested-depth', '3', '-f', 'json', 'demo'),
		privateKey,
	);
});

test('the files that Heat stores with a stack contain no token', async (t) => {
	const { parameters } = load(await readFile(path.join(clusters, 'demo/secrets.yaml'), 'utf8')) as {
		parameters: Record<string, string>;
	};
	const files = await openstack('stack', 'file', 'list', 'demo');
	t.true(files.includes('user-data/master-contract-2.yaml'));
	for (const [name, token] of Object.entries(parameters)) t.false(files.includes(token), name);
	t.is(Object.keys(parameters).length, 2);
});
