// The quotas of security groups are checked before Heat begins.
import test from 'ava';
import { mistakesInQuota } from '../../src/cluster/heat/security-group-quota.ts';
import { createCluster } from '../../src/cluster/operations/create.ts';
import { type Answers, emptyCloud } from '../support/fake-cloud.ts';
import { temporaryFolder } from '../support/folders.ts';
import { callOperation } from '../support/in-process.ts';

/** A project with so many security groups, each with a rule; an administrator sees those of another one too. */
const project = (groups: number, shown: unknown): Answers => ({
	'quota-show': shown,
	'token-issue': { project_id: 'p' },
	'security-group-list': Array.from({ length: groups }, (_, index) => ({
		ID: `g${index}`,
		Project: 'p',
	})).concat(Array.from({ length: 50 }, (_, index) => ({ ID: `other${index}`, Project: 'q' }))),
	'security-group-rule-list': [
		...Array.from({ length: groups }, (_, index) => ({ ID: `r${index}`, 'Security Group': `g${index}` })),
		{ ID: 'other', 'Security Group': 'other0' },
	],
});

const mistakes = async (answers: Answers, more = { groups: 4, rules: 33 }) => {
	const folder = await temporaryFolder();
	const { result, error } = await callOperation([answers], folder, () => mistakesInQuota('demo', more));
	if (error !== undefined) throw error;
	return result;
};

test('a quota that is too low is a mistake; what other projects have does not count', async (t) => {
	const shown = { secgroups: 10, 'secgroup-rules': 100 };
	t.deepEqual(await mistakes(project(6, shown)), []);
	const [sentence, ...others] = (await mistakes(project(7, shown))) ?? [];
	t.regex(
		sentence ?? '',
		/^demo needs 4 more security groups; the project has 7, and its quota is 10: .*--secgroups 11 /,
	);
	t.deepEqual(others, []);
	t.is((await mistakes(project(7, { secgroups: 10, 'secgroup-rules': 39 })))?.length, 2);
});

test('newer clients print the quotas as a list; -1 is no limit', async (t) => {
	const list = (limit: number) => [
		{ Resource: 'cores', Limit: 20 },
		{ Resource: 'secgroups', Limit: limit },
	];
	t.is((await mistakes(project(7, list(10))))?.length, 1);
	t.deepEqual(await mistakes(project(7, list(-1))), []);
});

test('a change without further groups, and a cloud that does not show its quotas, are not checked', async (t) => {
	t.deepEqual(await mistakes(project(7, { secgroups: 1 }), { groups: 0, rules: 0 }), []);
	t.deepEqual(await mistakes({}), []);
	for (const odd of [[], {}, [null], 'text', { secgroups: null }])
		t.deepEqual(await mistakes(project(7, odd)), [], JSON.stringify(odd));
});

test('create is refused before anything is created if the quota does not allow its four groups', async (t) => {
	const cloud = { ...emptyCloud, ...project(7, { secgroups: 10, 'secgroup-rules': 100 }) };
	const folder = await temporaryFolder();
	const { error, asked } = await callOperation([cloud], folder, () => createCluster('demo', {}, undefined));
	t.regex(error?.message ?? '', /^demo needs 4 more security groups/);
	t.is(error?.code, 'quota');
	t.deepEqual(
		asked.filter((line) => line.startsWith("'stack' 'create'")),
		[],
	);
});
