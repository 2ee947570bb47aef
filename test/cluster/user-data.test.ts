import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { imageContract } from '../../src/base/contract.ts';
import { UserError } from '../../src/base/errors.ts';
import { packageRoot } from '../../src/base/package.ts';
import { readTree } from '../../src/base/tree.ts';
import { renderTemplates } from '../../src/cluster/heat/templates.ts';
import { renderUserData, serviceAddresses, userDataLimit } from '../../src/cluster/heat/user-data.ts';
import type { Settings } from '../../src/cluster/spec/config.ts';
import { roles } from '../../src/cluster/spec/roles.ts';
import { clusterOf, nodeFiles, ofContract } from '../support/clusters.ts';

/** Those that kstack renders for. */
const contracts = [0, 1, imageContract];
const folderOf = (contract: number) =>
	path.join(packageRoot, 'cloud-init', contract === 0 ? 'contract-0' : '');
const assemble = path.join(packageRoot, 'elements/kubernetes-services/static/usr/share/kstack/assemble');

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

	test(`files of a ${role} are byte for byte those of its contract's folder`, async (t) => {
		for (const contract of contracts) {
			const sources = await readTree(path.join(folderOf(contract), 'files'));
			for (const file of nodeFiles(renderUserData(role, clusterOf(), contract))) {
				const source = sources.find((one) => one.path === file.path);
				if (source !== undefined) t.is(file.text, source.text, file.path);
				else
					t.truthy(
						sources.find((one) => one.path === `${file.path}.ejs`),
						file.path,
					);
			}
		}
	});

	test(`on a ${role}, only root may read a token`, (t) => {
		for (const contract of contracts)
			for (const file of nodeFiles(renderUserData(role, clusterOf(), contract)))
				if (/(TOKEN|SEED)@@/.test(file.text)) t.is(file.mode, 0o600, file.path);
	});

	test(`the user-data of a ${role} has facts alone, and steps only where its image has none`, (t) => {
		const executable = (contract: number) =>
			nodeFiles(renderUserData(role, clusterOf(), contract)).filter(({ mode }) => (mode & 0o111) !== 0);
		t.deepEqual(executable(imageContract), []);
		t.true(executable(0).length > 0);
		t.true(executable(0).every((file) => file.path.startsWith('etc/kstack/assemble.d/')));
	});

	test(`the image knows the steps of a ${role}, and has each of them`, async (t) => {
		const steps = (await readFile(path.join(assemble, 'roles', role), 'utf8')).trim().split('\n');
		t.deepEqual(steps, [...steps].sort());
		const present = (await readTree(path.join(assemble, 'steps'))).map((file) => file.path);
		t.deepEqual(
			steps.filter((step) => !present.includes(step)),
			[],
		);
	});
}

test('every file of a contract is on some node', async (t) => {
	for (const contract of [0, imageContract]) {
		const used = new Set(
			roles.flatMap((role) =>
				nodeFiles(renderUserData(role, clusterOf(), contract)).map((file) => file.path),
			),
		);
		for (const { path: file } of await readTree(path.join(folderOf(contract), 'files')))
			t.true(used.has(file.replace(/\.ejs$/, '')), file);
	}
});

test('every step of the image is one of some role', async (t) => {
	const listed = await Promise.all(roles.map((role) => readFile(path.join(assemble, 'roles', role), 'utf8')));
	const used = new Set(listed.join('').trim().split('\n'));
	t.deepEqual(
		(await readTree(path.join(assemble, 'steps'))).map((file) => file.path).filter((name) => !used.has(name)),
		[],
	);
});

test('with its steps in the image, the user-data of a master is at most half as big', (t) => {
	const bytes = (contract: number) => base64Length(renderUserData('master', clusterOf(), contract));
	t.true(bytes(imageContract) <= bytes(0) / 2, `${bytes(imageContract)} of ${bytes(0)}`);
});

test('user-data that is too big is refused with the names of the biggest files', (t) => {
	const cluster = clusterOf({ noProxy: 'x'.repeat(50_000) });
	const error = t.throws(() => renderUserData('master', cluster), { instanceOf: UserError }) as UserError;
	t.regex(error.message, /^The user-data of a master is \d+ bytes in base64: kstack allows 56000 .*\.$/);
	t.regex(
		error.hint ?? '',
		/^Largest files: \/etc\/kstack\/node\.env \(50\d\d\d bytes\), \/\S+ \(\d+ bytes\), /,
	);
});

test('user-data just below the limit is taken, just above is not', (t) => {
	const room = Math.floor((userDataLimit / 4) * 3) - Buffer.byteLength(renderUserData('minion', clusterOf()));
	const filled = (more: number) => clusterOf({ noProxy: 'x'.repeat(room + more) });
	t.true(base64Length(renderUserData('minion', filled(1))) <= userDataLimit);
	t.throws(() => renderUserData('minion', filled(10)), { instanceOf: UserError });
});

test('the token placeholders of user-data are those that Heat replaces, no more and no less', (t) => {
	for (const contract of contracts) tokensAreReplaced(t, contract);
});

function tokensAreReplaced(t: ExecutionContext, contract: number) {
	const tree = renderTemplates(clusterOf(), undefined, ofContract(contract));
	const ending = contract === 0 ? '' : `-contract-${contract}`;
	const text = (name: string) => tree.find((file) => file.path === name)?.text ?? '';
	for (const role of roles) {
		const named = (source: string) =>
			[...new Set(source.match(/@@[A-Z_]+@@/g))].filter((name) => name !== '@@NAME@@');
		const replaced = text(`${role}${ending}.yaml`)
			.match(/^ +'(@@[A-Z_]+@@)':/gm)
			?.map((line) => line.trim().slice(1, -2));
		// What an addon's manifest holds is filled in on the node.
		const ofNode = ['@@CLUSTER_DNS@@', '@@CLUSTER_DOMAIN@@', '@@POD_SUBNET_LENGTH@@', '@@FLANNEL_BACKEND@@'];
		const used = named(text(`user-data/${role}${ending}.yaml`)).filter((name) => !ofNode.includes(name));
		t.deepEqual(replaced?.sort(), used.sort(), role);
	}
}

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

test('user-data begins with what cloud-init knows it by', (t) => {
	for (const role of roles) t.regex(renderUserData(role, clusterOf()), /^#cloud-config\n# A \w+ of a kstack/);
});

test('node.env has the NTP servers; images of contract 0 do not read them', (t) => {
	const environment = (cluster: { readonly settings: Settings }, contract?: number) =>
		nodeFiles(renderUserData('minion', cluster, contract)).find(({ path }) => path === 'etc/kstack/node.env')
			?.text ?? '';
	const cluster = clusterOf({ ntpServer: '192.0.2.7, ntp.example.com,2001:db8::1' });
	t.regex(environment(cluster), /^NTP_SERVERS=192\.0\.2\.7,ntp\.example\.com,2001:db8::1$/m);
	t.notRegex(environment(cluster, 0), /NTP/);
	const { ntpServers: _, ...before } = cluster.settings;
	t.regex(environment({ settings: before }), /^NTP_SERVERS=$/m, 'a cluster of a release without the setting');
});
