import test, { type ExecutionContext } from 'ava';
import { UserError } from '../../src/base/errors.ts';
import { changes, editsOfFixed, requireCounts } from '../../src/cluster/spec/changes.ts';
import { readCluster, type Settings } from '../../src/cluster/spec/config.ts';

const now: Settings = {
	masters: 1,
	minions: 3,
	gateways: 0,
	apiAllowedCidr: '0.0.0.0/0',
	podCidr: '10.244.0.0/16',
	minionFlavor: 'm1.small',
	apiFloatingIp: true,
};

interface DesiredChange {
	readonly flags?: Settings;
	readonly cluster?: Settings;
	readonly parameters?: Settings;
}

const wanted = ({ flags = {}, cluster = {}, parameters = {} }: DesiredChange) =>
	changes(now, {
		flags,
		cluster: { ...now, ...cluster },
		clusterPath: 'demo/cluster.yaml',
		parameters: { ...now, ...parameters },
		parametersPath: 'demo/parameters.yaml',
	});

const becomes = test.macro({
	title: (what) => `changed: ${what}`,
	exec(t: ExecutionContext, wish: DesiredChange, expected: Settings) {
		t.deepEqual(wanted(wish), expected);
	},
});

test('nothing, when all files have the values of the cluster', becomes, {}, {});
test(
	"nothing, when cluster.yaml has the default of a setting that the cluster's release did not know",
	becomes,
	{ cluster: { minionImage: '' } },
	{},
);
test(
	"nothing, when cluster.yaml has the default of a recorded setting that the cluster's release did not know",
	becomes,
	{ cluster: { ntpServers: '' } },
	{},
);
test(
	'the NTP servers of a running cluster, for its new nodes',
	becomes,
	{ flags: { ntpServers: '192.0.2.7' } },
	{ ntpServers: '192.0.2.7' },
);
test('what was edited in cluster.yaml', becomes, { cluster: { minions: 4 } }, { minions: 4 });
test('what was edited in parameters.yaml', becomes, { parameters: { minions: 2 } }, { minions: 2 });
test('the value of a flag', becomes, { flags: { gateways: 1 } }, { gateways: 1 });
test(
	'one thing in each',
	becomes,
	{ cluster: { minions: 4 }, parameters: { gateways: 1 } },
	{ minions: 4, gateways: 1 },
);
test('to nothing at all', becomes, { cluster: { minions: 0 } }, { minions: 0 });
test(
	'the value of the flag, whether the files differ or not',
	becomes,
	{
		flags: { minions: 9 },
		cluster: { minions: 4 },
		parameters: { minions: 5 },
	},
	{ minions: 9 },
);
test('nothing, when a flag reverts an edit', becomes, { flags: { minions: 3 }, cluster: { minions: 4 } }, {});
test(
	'what may change in a running cluster',
	becomes,
	{ cluster: { apiAllowedCidr: '192.0.2.0/24' } },
	{
		apiAllowedCidr: '192.0.2.0/24',
	},
);

const refused = test.macro({
	title: (what) => `refused: ${what}`,
	exec(t: ExecutionContext, wish: DesiredChange, ...sentences: RegExp[]) {
		const error = t.throws(() => wanted(wish), { instanceOf: UserError }) as UserError;
		t.is(error.exitCode, 2);
		t.is(error.hint, 'Nothing was changed.');
		for (const sentence of sentences) t.regex(error.message, sentence);
	},
});

test(
	'an edit of a fixed setting',
	refused,
	{ cluster: { podCidr: '10.0.0.0/8' } },
	/^podCidr is "10\.0\.0\.0\/8" in demo\/cluster\.yaml; .* "10\.244\.0\.0\/16"/,
);
test(
	'an edit of an ID',
	refused,
	{ parameters: { minionFlavor: 'm1.large' } },
	/^minionFlavor is "m1\.large" in demo\/parameters\.yaml; .* "m1\.small"/,
);
test(
	'a flag for a fixed setting',
	refused,
	{ flags: { apiFloatingIp: false } },
	/^apiFloatingIp is false by --api-floating-ip; .* true\b/,
);
test(
	'two files that both differ from the cluster',
	refused,
	{ cluster: { minions: 4 }, parameters: { minions: 5 } },
	/^minions is 3 in the cluster, 4 in demo\/cluster\.yaml and 5 in demo\/parameters\.yaml: .*--minions\.$/,
);
test(
	'two files that agree, since both may be behind',
	refused,
	{ cluster: { minions: 4 }, parameters: { minions: 4 } },
	/^minions is 3 in the cluster, 4 in demo\/cluster\.yaml and 4 in demo\/parameters\.yaml/,
);
test(
	'several edits, all reported at once',
	refused,
	{ cluster: { podCidr: '10.0.0.0/8', minionFlavor: 'm1.large', minions: 4 }, parameters: { minions: 5 } },
	/^3 mistakes:/,
	/- podCidr is/,
	/- minionFlavor is/,
	/- minions is 3 in the cluster/,
);

test('a cluster of an older release has the default of a setting that it lacks: only another value is a change', (t) => {
	const lacking = (cluster: Settings, parameters: Settings) =>
		changes(now, {
			flags: {},
			cluster: { ...now, ...cluster },
			clusterPath: 'cluster.yaml',
			parameters: { ...now, ...parameters },
			parametersPath: 'parameters.yaml',
		});
	// cluster.yaml without the key has the default.
	t.deepEqual(lacking({ nodePortAllowedCidr: '' }, {}), {});
	const range = { nodePortAllowedCidr: '192.0.2.0/24' };
	t.deepEqual(lacking(range, {}), range);
	t.deepEqual(lacking({ nodePortAllowedCidr: '' }, range), range);
});

test('edits of IDs and of identity in parameters.yaml are reported; settings and unknown parameters are not', (t) => {
	const stack = { minion_count: '3', minion_image: 'b7c6', join_token: '******', operator_request: 'LS0t' };
	const file = { minion_count: 5, minion_image: 'aaaa', operator_request: 'LS0t', note: 'mine' };
	const [told, ...more] = editsOfFixed(stack, file, 'demo/parameters.yaml');
	t.deepEqual(more, []);
	t.regex(told ?? '', /^minion_image is aaaa in demo\/parameters\.yaml; .* b7c6/);
});

test('the message for a directory that was rendered again does not contain the request', (t) => {
	const [told, ...more] = editsOfFixed(
		{ operator_request: 'LS0tLS1C' },
		{ operator_request: 'T1RIRVI' },
		'demo/parameters.yaml',
	);
	t.deepEqual(more, []);
	t.regex(told ?? '', /^demo\/parameters\.yaml was rendered again/);
	t.notRegex(told ?? '', /LS0tLS1C|T1RIRVI/);
});

/** A cluster whose pods have 8 subnets, and whose nodes have 32 addresses. */
const small: Settings = {
	...now,
	...{ podCidr: '10.244.0.0/21', podSubnetLength: 24, nodeCidr: '10.0.0.0/27', fixedNetwork: '' },
	...{ serviceCidr: '10.96.0.0/16', gatewayFirstPort: 23, gatewayLastPort: 9999 },
};

const refusesCounts = test.macro({
	title: (_, counts: Settings) => `counts that cannot be: ${JSON.stringify(counts)}`,
	exec(t: ExecutionContext, counts: Settings, words: readonly string[]) {
		const error = t.throws<UserError>(() => requireCounts(small, counts), { instanceOf: UserError });
		t.deepEqual([error?.exitCode, error?.code], [2, 'invalid-change']);
		for (const word of words) t.true(error?.message.includes(word), error?.message);
	},
});

test(refusesCounts, { minions: 99999999 }, ['--minions', '99999999', '5000']);
test(refusesCounts, { minions: 7 }, ['podCidr (10.244.0.0/21)', '8 subnets']);
test(refusesCounts, { gateways: 400 }, ['podCidr', 'nodeCidr (10.0.0.0/27)']);
test(refusesCounts, { masters: 2 }, ['--masters', '1, 3, 5 or 7']);

test('nodes of additional pools need addresses too', (t) => {
	t.throws(() => requireCounts(small, {}, { before: 0, after: 7 }), { message: /podCidr.*8 subnets/ });
	t.notThrows(() => requireCounts(small, {}, { before: 8, after: 7 }));
	const cluster = 'podCidr: 10.244.0.0/24\npodSubnetLength: 26\npools: [{name: gpu, count: 2}]\n';
	t.throws(() => readCluster('demo', {}, { text: cluster, path: 'cluster.yaml' }), {
		message: /podCidr.*4 nodes need 5/,
	});
});

test('a cluster without free addresses may shrink or stay the same', (t) => {
	const full: Settings = { ...small, minions: 20 };
	t.notThrows(() => requireCounts(full, { minions: 15 }));
	t.notThrows(() => requireCounts(full, { minions: 20 }));
	t.throws(() => requireCounts(full, { minions: 21 }));
});

test('an update to counts without enough addresses, an even number of masters, or an invalid port range is refused', (t) => {
	for (const [change, word] of [
		[{ minions: 8 }, '9 nodes need 10'],
		[{ masters: 2 }, 'demo/parameters.yaml: masters is 2'],
		[{ gatewayLastPort: 22 }, 'gatewayFirstPort'],
	] as const) {
		const error = t.throws<UserError>(() =>
			changes(small, {
				...{ flags: {}, cluster: small, clusterPath: 'demo/cluster.yaml' },
				...{ parameters: { ...small, ...change }, parametersPath: 'demo/parameters.yaml' },
			}),
		);
		t.true(error?.message.includes(word), error?.message);
	}
});

test('ports that change by flag are compared with those of the cluster, and not with the defaults', (t) => {
	const wide: Settings = { ...small, gatewayLastPort: 10200 };
	const requested = { cluster: wide, clusterPath: 'c', parameters: wide, parametersPath: 'p' };
	t.deepEqual(changes(wide, { ...requested, flags: { gatewayFirstPort: 10000 } }), {
		gatewayFirstPort: 10000,
	});
});

test('a parameter that Heat shows with other spaces is not an edit', (t) => {
	const now = { generations: '{"contracts": {"image-1": 1}, "kstack": "0.3.0"}' };
	const same = { generations: '{"contracts":{"image-1":1},"kstack":"0.3.0"}' };
	t.deepEqual(editsOfFixed(now, same, 'parameters.yaml'), []);
	const other = { generations: '{"contracts":{"image-1":0}}' };
	t.is(editsOfFixed(now, other, 'parameters.yaml').length, 1);
});

test('what kstack recorded is no edit: an interrupted update, or one from elsewhere, leaves it in the file', (t) => {
	const record = (more: object) => ({
		generations: JSON.stringify({ contracts: { 'image-1': 1 }, ...more }),
	});
	const both = record({ securityGroups: 'both', kstack: '0.4.0' });
	const roles = record({ securityGroups: 'roles', kstack: '0.4.0' });
	for (const [now, file] of [
		[both, roles],
		[roles, both],
		[record({}), both],
		[record({ kstack: '0.3.0' }), both],
	] as const)
		t.deepEqual(editsOfFixed(now, file, 'parameters.yaml'), []);
});
