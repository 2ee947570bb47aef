import test, { type ExecutionContext } from 'ava';
import {
	compareVersions,
	findNodeImage,
	mistakeInEtcd,
	mistakeInVersion,
} from '../../src/cluster/heat/node-image.ts';
import { type FakeImage, fakeGlance, uploaded } from '../support/fake-glance.ts';

const image = (kubernetes: string | undefined, etcd?: string) => ({
	...{ id: 'image-2', name: 'next', kubernetes, etcd, networkDrivers: undefined },
	...{ contract: 0, minDisk: 3, minMemory: 512, created: '2026-01-01T00:00:00Z' },
});

const upgrade = test.macro({
	title: (_, from: readonly string[], to: string | undefined, words?: RegExp) =>
		`from ${from.join(' and ') || 'nothing known'} to ${to}: ${words === undefined ? 'allowed' : 'refused'}`,
	exec(t: ExecutionContext, from: readonly string[], to: string | undefined, words?: RegExp) {
		const mistake = mistakeInVersion(from, image(to));
		if (words === undefined) t.is(mistake, undefined);
		else t.regex(mistake ?? '', words);
	},
});

test(upgrade, ['1.20.2'], '1.20.2');
test(upgrade, ['1.20.2'], '1.20.15');
test(upgrade, ['1.20.2'], '1.21.0');
test(upgrade, ['1.9.9'], '1.10.0');
test(upgrade, ['1.34.1', '1.34.3'], '1.35.0');
test(upgrade, [], '1.34.1');
test(upgrade, ['1.20.2'], '1.22.0', /1\.21\.$/);
test(upgrade, ['1.20.2', '1.21.0'], '1.22.0', /the cluster 1\.20\.2: .*1\.21\.$/);
test(upgrade, ['1.20.2'], '1.20.1', /1\.20\.1, .* 1\.20\.2: .*--rollback/);
test(upgrade, ['1.10.0'], '1.9.9', /1\.9\.9, .* 1\.10\.0: .*--rollback/);
test(upgrade, ['1.20.2', '1.21.0'], '1.20.9', /the cluster 1\.21\.0: .*--rollback/);
test(upgrade, ['1.20.2'], undefined, /its version of Kubernetes is unknown/);
test(upgrade, ['1.20.2'], 'newest', /its version of Kubernetes is unknown/);

const etcd = test.macro({
	title: (_, from: string | undefined, to: string | undefined, words?: RegExp) =>
		`etcd from ${from} to ${to}: ${words === undefined ? 'allowed' : 'refused'}`,
	exec(t: ExecutionContext, from: string | undefined, to: string | undefined, words?: RegExp) {
		const mistake = mistakeInEtcd(image('1.20.2', from), image('1.20.2', to));
		if (words === undefined) t.is(mistake, undefined);
		else t.regex(mistake ?? '', words);
	},
});

test(etcd, '3.4.23+dfsg-4', '3.4.30+dfsg-1');
test(etcd, '3.4.23+dfsg-4', '3.5.16-4+b5');
test(etcd, '3.6.14', '3.6.1');
test(etcd, undefined, '3.5.29');
test(etcd, '3.5.29', undefined);
test(etcd, '3.5.16-4+b5', '3.4.23+dfsg-4', /etcd 3\.4, the masters 3\.5: /);
test(etcd, '3.4.37', '3.6.14', /etcd 3\.6, the masters 3\.4: /);

test('versions are compared as numbers, with or without v', (t) => {
	t.true(compareVersions('1.9.0', 'v1.10.0') < 0);
	t.true(compareVersions('v1.20.10', '1.20.9') > 0);
	t.is(compareVersions('v1.20.2', '1.20.2+debian'), 0);
});

/** Images on a cloud: own ones of project own, `by hand` without kimg's tag. */
const own = (id: string, name: string, kstack_name?: string) =>
	uploaded(id, name, kstack_name === undefined ? {} : { properties: { kstack_name } });
const others = (id: string, name: string, kstack_name: string) =>
	uploaded(id, name, { properties: { kstack_name }, owner: 'another' });
const byHand = (id: string, name: string, owner = 'own') => uploaded(id, name, { tags: [], owner });

const chosen = test.macro(
	async (t: ExecutionContext, wanted: string | undefined, images: FakeImage[], expected: string | RegExp) => {
		const { env } = await fakeGlance(t, ...images);
		process.env.PATH = env.PATH;
		const mistakes: string[] = [];
		const found = await findNodeImage(wanted, mistakes);
		if (typeof expected === 'string') t.deepEqual([found?.id, mistakes], [expected, []]);
		else {
			t.is(found, undefined);
			t.is(mistakes.length, 1);
			t.regex(mistakes[0] as string, expected);
		}
	},
);

const [old, next] = [own('1', 'node-aaaaaaaa', 'node'), own('2', 'node-bbbbbbbb', 'node')];
test.serial('the newest of a name', chosen, 'node', [old, next, own('3', 'other-1', 'other')], '2');
test.serial('exactly that name', chosen, 'node-aaaaaaaa', [old, next], '1');
test.serial('exactly that ID', chosen, '1', [old, next], '1');
test.serial('the newest of all', chosen, undefined, [next, old, byHand('3', 'by-hand')], '2');
test.serial('of kimg 0.2.0 and later, the newest', chosen, 'node', [old, next, own('3', 'node')], '3');
test.serial('of kimg 0.2.0 alone, the newest', chosen, 'node', [own('1', 'node'), own('2', 'node')], '2');
test.serial("the project's own before others'", chosen, 'node', [next, others('3', 'node-c', 'node')], '2');
test.serial("others', where there is no own", chosen, 'node', [others('3', 'node-c', 'node')], '3');
test.serial(
	"the project's own before a public one",
	chosen,
	'node',
	[old, byHand('3', 'node', 'another')],
	'1',
);
test.serial(
	'an image that another client uploaded with the properties that kimg gives',
	chosen,
	'copy',
	[{ ...byHand('3', 'copy'), properties: { kstack_kubernetes: '1.20.2' } }, old],
	'3',
);
for (const wanted of ['debian', '3'])
	test.serial(
		`an image that is not of kimg, by ${wanted}`,
		chosen,
		wanted,
		[byHand('3', 'debian'), old],
		/"debian" \(3\) .*kimg/,
	);
test.serial(
	'an image of somebody with other properties',
	chosen,
	'debian',
	[{ ...byHand('3', 'debian'), properties: { os_distro: 'debian' } }],
	/"debian" \(3\) .*kimg/,
);
test.serial('one that is not whole is none', chosen, 'node', [old, { ...next, status: 'saving' }], '1');
test.serial(
	'one that is not whole, by ID',
	chosen,
	'2',
	[{ ...next, status: 'saving' }],
	/"2" .* status in Glance is saving/,
);
test.serial('no such image', chosen, 'nonsuch', [old], /no image "nonsuch"\. Available: node-aaaaaaaa\./);
test.serial('nothing at all', chosen, undefined, [byHand('3', 'debian')], /`kimg build`.*--image/);
test.serial(
	"a name that is both kimg's and another client's",
	chosen,
	'node',
	[old, byHand('3', 'node')],
	/"node" matches 2 images; use the ID of one:\n {4}3 {2}node\n {4}1 {2}node-aaaaaaaa, by kimg/,
);
