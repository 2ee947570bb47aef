import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { UserError } from '../../src/base/errors.ts';
import { packageRoot } from '../../src/base/package.ts';
import { readTree } from '../../src/base/tree.ts';
import { renderTemplates } from '../../src/cluster/heat/templates.ts';
import { renderUserData, serviceAddresses, userDataLimit } from '../../src/cluster/heat/user-data.ts';
import { roles } from '../../src/cluster/spec/roles.ts';
import { clusterOf, nodeFiles } from '../support/clusters.ts';

const base64Length = (text: string) => Math.ceil(Buffer.byteLength(text) / 3) * 4;

/** What Heat puts in place of a token at most: a certificate's base64 twice, a signed URL. */
const longest = 4096;

for (const role of roles) {
	test(`the user-data of a ${role} fits Nova with what Heat adds, and has room to grow`, (t) => {
		const text = renderUserData(role, clusterOf());
		const tokens = new Set(text.match(/@@[A-Z_]+@@/g)).size;
		t.true(base64Length(text) <= userDataLimit);
		t.true(base64Length(text) + base64Length('x'.repeat(longest)) * Math.min(tokens, 3) <= 65_535);
	});

	test(`the user-data of a ${role} does not depend on how many there are`, (t) => {
		const one = renderUserData(role, clusterOf({ minions: '1', gateways: '0' }));
		t.is(renderUserData(role, clusterOf({ minions: '50', gateways: '9' })), one);
	});

	test(`files of a ${role} are byte for byte those of cloud-init/files`, async (t) => {
		const sources = await readTree(path.join(packageRoot, 'cloud-init/files'));
		for (const file of nodeFiles(renderUserData(role, clusterOf()))) {
			const source = sources.find((one) => one.path === file.path);
			if (source !== undefined) t.is(file.text, source.text, file.path);
			else
				t.truthy(
					sources.find((one) => one.path === `${file.path}.ejs`),
					file.path,
				);
		}
	});

	test(`on a ${role}, steps can be run, and who may read a token is root`, (t) => {
		for (const file of nodeFiles(renderUserData(role, clusterOf()))) {
			t.is(file.mode & 0o111, /assemble\.d\//.test(file.path) ? 0o111 : 0, file.path);
			if (/TOKEN@@/.test(file.text)) t.is(file.mode, 0o600, file.path);
		}
	});
}

test('every file of cloud-init/files is on some node', async (t) => {
	const used = new Set(
		roles.flatMap((role) => nodeFiles(renderUserData(role, clusterOf())).map((file) => file.path)),
	);
	for (const { path: file } of await readTree(path.join(packageRoot, 'cloud-init/files')))
		t.true(used.has(file.replace(/\.ejs$/, '')), file);
});

test('user-data that is too big is refused with the names of the biggest files', (t) => {
	const cluster = clusterOf({ noProxy: 'x'.repeat(50_000) });
	const error = t.throws(() => renderUserData('master', cluster), { instanceOf: UserError }) as UserError;
	t.regex(error.message, /^The user-data of a master is \d+ bytes in base64; .* 56000 is our limit\.$/);
	t.regex(error.hint ?? '', /^Biggest: \/etc\/kstack\/node\.env \(50\d\d\d bytes\), \/\S+ \(\d+ bytes\), /);
});

test('user-data just below the limit is taken, just above is not', (t) => {
	const room = Math.floor((userDataLimit / 4) * 3) - Buffer.byteLength(renderUserData('minion', clusterOf()));
	const filled = (more: number) => clusterOf({ noProxy: 'x'.repeat(room + more) });
	t.true(base64Length(renderUserData('minion', filled(1))) <= userDataLimit);
	t.throws(() => renderUserData('minion', filled(10)), { instanceOf: UserError });
});

test('the token placeholders of user-data are those that Heat replaces, no more and no less', (t) => {
	const tree = renderTemplates(clusterOf());
	const text = (name: string) => tree.find((file) => file.path === name)?.text ?? '';
	for (const role of roles) {
		const named = (source: string) =>
			[...new Set(source.match(/@@[A-Z_]+@@/g))].filter((name) => name !== '@@NAME@@');
		const replaced = text(`${role}.yaml`)
			.match(/^ +'(@@[A-Z_]+@@)':/gm)
			?.map((line) => line.trim().slice(1, -2));
		// What an addon's manifest holds is filled in on the node.
		const ofNode = ['@@CLUSTER_DNS@@', '@@CLUSTER_DOMAIN@@', '@@POD_SUBNET_LENGTH@@', '@@FLANNEL_BACKEND@@'];
		const used = named(text(`user-data/${role}.yaml`)).filter((name) => !ofNode.includes(name));
		t.deepEqual(replaced?.sort(), used.sort(), role);
	}
});

test("the API is the first address of the Services' range, DNS the tenth", (t) => {
	t.deepEqual(serviceAddresses('10.96.0.0/16'), { serviceAddress: '10.96.0.1', clusterDns: '10.96.0.10' });
	t.deepEqual(serviceAddresses('172.30.255.224/27'), {
		serviceAddress: '172.30.255.225',
		clusterDns: '172.30.255.234',
	});
});

test('the templates are the same whatever the counts: scaling renders nothing anew', (t) => {
	t.deepEqual(renderTemplates(clusterOf({ minions: '5' })), renderTemplates(clusterOf()));
});

test('a role file says where its values come from', async (t) => {
	for (const role of roles) {
		const text = await readFile(path.join(packageRoot, 'cloud-init', `${role}.yaml.ejs`), 'utf8');
		t.true(text.startsWith('#cloud-config\n'));
	}
});
