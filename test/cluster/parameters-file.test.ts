// What kstack takes from parameters.yaml, and what it refuses there.
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { dump } from 'js-yaml';
import { UserError } from '../../src/base/errors.ts';
import { packageRoot } from '../../src/base/package.ts';
import { readCluster } from '../../src/cluster/spec/config.ts';
import { parametersOf, settingsIn, settingsOf } from '../../src/cluster/spec/parameters.ts';
import { readParametersFile } from '../../src/cluster/spec/parameters-file.ts';
import { anySettings } from '../support/any-settings.ts';

const place = 'demo/parameters.yaml';
const text = (parameters: object, more: object = {}) => dump({ parameters, ...more });

function refusal(t: ExecutionContext, file: string, existing = {}): string {
	const error = t.throws<UserError>(() => readParametersFile({ text: file, path: place }, existing), {
		instanceOf: UserError,
	});
	t.is(error?.exitCode, 2);
	return error?.message ?? '';
}

for (const [name, value] of [
	['minion_count', 'many'],
	['minion_count', -1],
	['minion_count', 3.5],
	['minion_count', 99999999],
	['minion_count', [3]],
	['master_count', 0],
	['master_count', 9],
	['drain_timeout', 43201],
	['boot_timeout', 59],
	['drain_force', 'maybe'],
	['gateway_last_port', 10250],
	['api_allowed_cidr', 'everybody'],
	['node_cidr', '10.0.0.1/24'],
	['dns_nameserver', 'garbage; rm -rf'],
	['recorded_settings', '{broken'],
	['generations', 3],
] as const) {
	test(`refused in parameters.yaml: ${name}: ${JSON.stringify(value)}`, (t) => {
		const message = refusal(t, text({ [name]: value }));
		for (const word of [place, name, JSON.stringify(value)]) t.true(message.includes(word), message);
	});
}

test('of a long value the message has the beginning and the length, whatever the parameter', (t) => {
	const known = readParametersFile({
		text: text(parametersOf(readCluster('demo', {}, undefined).settings)),
		path: place,
	});
	const long = 'é'.repeat(50_000);
	let refused = 0;
	for (const name of [...Object.keys(known), long]) {
		for (const value of [long, [long], { [long]: long }]) {
			try {
				readParametersFile({ text: text({ [name]: value }), path: place });
			} catch (error) {
				refused++;
				const { message } = error as Error;
				t.true(message.length < 1500, `${name}: ${message.length}`);
				t.true(message.startsWith(`${place}: parameters`), message.slice(0, 300));
				t.true(message.includes(name.slice(0, 20)), message.slice(0, 300));
			}
		}
	}
	t.true(refused > 30, `${refused}`);
});

test('an unknown parameter is refused with a suggestion', (t) => {
	t.regex(refusal(t, text({ minon_count: 3 })), /minon_count .*minion_count\?/);
	t.regex(refusal(t, text({ note: 'mine' })), /note /);
	t.regex(refusal(t, text({}, { parameter_defaults: { minion_count: 3 } })), /parameter_defaults /);
});

test('a file without parameters is refused', (t) => {
	for (const file of ['', 'minion_count: 3\n', 'parameters: 3\n', 'parameters: []\n', '- a\n'])
		t.regex(refusal(t, file), /demo\/parameters\.yaml/, file);
});

test('all mistakes of the file are reported at once', (t) => {
	const message = refusal(t, text({ minion_count: 'many', gateway_count: -1, minon_count: 1 }));
	t.is(message.split('\n').length, 4);
});

test('any value of the stack is accepted', (t) => {
	const existing = { dns_nameserver: 'dns.example.com', drain_force: 'False', master_count: '8' };
	const file = text({ dns_nameserver: ['dns.example.com'], drain_force: false, master_count: 8 });
	t.notThrows(() => readParametersFile({ text: file, path: place }, existing));
	t.throws(() => readParametersFile({ text: text({ dns_nameserver: 'other' }), path: place }, existing));
});

test('numbers and lists as Heat takes them too mean the same', (t) => {
	const file = text({ minion_count: '5', dns_nameserver: ['192.0.2.1', '192.0.2.2'] });
	t.like(settingsOf(readParametersFile({ text: file, path: place })), {
		minions: 5,
		dnsNameserver: '192.0.2.1,192.0.2.2',
	});
});

test('the files of earlier releases are taken as they are', async (t) => {
	const releases = path.join(packageRoot, 'test/releases');
	const entries = await readdir(releases, { withFileTypes: true });
	const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
	t.true(names.length > 0);
	for (const name of names) {
		const read = async (file: string) => ({
			path: `${name}/${file}`,
			text: await readFile(path.join(releases, name, file), 'utf8'),
		});
		const parameters = readParametersFile(await read('parameters.yaml'));
		const { settings: found } = readCluster('old', {}, await read('cluster.yaml'));
		t.like(found, settingsIn(parameters), name);
	}
});

test('every file that kstack writes is read as it was meant', (t) => {
	fc.assert(
		fc.property(anySettings, (wanted) => {
			const file = text(parametersOf(wanted), { resource_registry: {} });
			t.deepEqual(settingsOf(readParametersFile({ text: file, path: place })), wanted);
		}),
	);
	t.pass();
});
