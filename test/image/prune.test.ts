import test, { type ExecutionContext } from 'ava';
import { judge } from '../../src/image/glance/prune.ts';
import { type FakeImage, fakeGlance, uploaded } from '../support/fake-glance.ts';
import { runSource } from '../support/processes.ts';

const standing = { place: 3, keep: 2, abandoned: false };

const judged = test.macro({
	title: (_, why: string, ..._rest) => `an image that ${why}`,
	exec(
		t: ExecutionContext,
		why: string,
		goes: boolean,
		image: Partial<FakeImage> = {},
		more: { usedBy?: string[]; place?: number; keep?: number; abandoned?: boolean } = {},
	) {
		const { created_at, owner, properties, tags, asked, ...given } = uploaded('1', 'node-1', image);
		const whole = { ...given, glanceName: 'node-1', name: 'node', digest: undefined, created: created_at };
		const { usedBy = [], ...rest } = more;
		const answer = judge({ ...whole, uploader: undefined }, usedBy, { ...standing, ...rest });
		t.deepEqual([answer.why, answer.goes], [why, goes]);
	},
});

test(judged, 'is old', true);
test(judged, 'is the newest', false, {}, { place: 1 });
test(judged, 'is one of the newest 2', false, {}, { place: 2 });
test(judged, 'is used', false, {}, { usedBy: ['server demo-master-0'] });
test(judged, 'is protected', false, { protected: true });
test(judged, 'is public', false, { visibility: 'public' });
test(judged, 'is deactivated', false, { status: 'deactivated' });
test(judged, 'is being uploaded', false, { status: 'saving' });
test(judged, 'was broken off', true, { status: 'queued' }, { place: 1, abandoned: true });

const named = (id: string, kstack_name: string, more: Partial<FakeImage> = {}) =>
	uploaded(`id-${id}`, `${kstack_name}-${id}`, {
		properties: { kstack_name, kstack_sha256: `${id}f` },
		...more,
	});

test('prune deletes what is old and unused, by name; 0.2.0 called them all the same', async (t) => {
	const glance = await fakeGlance(
		t,
		...['1', '2', '3', '4', '5', '6'].map((id) => named(id, 'node')),
		uploaded('id-0', 'node'),
		named('7', 'node', { owner: 'another' }),
		...['8', '9'].map((id) => named(id, 'node-other')),
	);
	glance.servers.push({ Name: 'demo-minion-0', Image: 'id-1' });
	glance.stacks.demo = { master_image: 'x', generations: '{"images": {"1": "id-2"}}' };
	glance.stacks.byName = { image: 'node-3' };
	const kimg = (...args: string[]) => runSource('src/kimg.ts', ['prune', 'node', ...args], glance);

	const refused = await kimg();
	t.is(refused.code, 2);
	t.regex(refused.stderr, /Delete these 2 images\? .*\n.*--yes/);
	const dry = await kimg('--dry-run', '-o', 'json');
	const going = (JSON.parse(dry.stdout) as { id: string; goes: boolean }[]).filter(({ goes }) => goes);
	t.deepEqual(
		going.map(({ id }) => id),
		['id-4', 'id-0'],
	);
	t.is(glance.images.length, 10);

	const { code, stdout, stderr } = await kimg('--yes');
	t.is(code, 0, stderr);
	t.regex(stdout, /^node +1f .* server demo-minion-0 +stays: is used$/m);
	t.deepEqual(glance.images.map(({ id }) => id.slice(3)).sort(), [...'12356789']);
});

for (const [args, sentence] of [
	[['nonsuch'], /^kimg: kimg has uploaded no image "nonsuch" to this project\./m],
	[['--keep', 'some'], /^kimg: --keep is "some": it must be a whole number from 0\./m],
] as const) {
	test(`\`kimg prune ${args.join(' ')}\` is refused`, async (t) => {
		const glance = await fakeGlance(t, named('1', 'node'));
		const { code, stderr } = await runSource('src/kimg.ts', ['prune', ...args], glance);
		t.is(code, 2);
		t.regex(stderr, sentence);
		t.is(glance.images.length, 1);
	});
}
