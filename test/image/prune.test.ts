import test, { type ExecutionContext } from 'ava';
import { decide } from '../../src/image/glance/prune.ts';
import { type FakeImage, fakeGlance, uploaded } from '../support/fake-glance.ts';
import { runSource } from '../support/processes.ts';

const criteria = { position: 3, keep: 2, abandoned: false };

const decision = test.macro({
	title: (_, reason: string, deleted: boolean, ..._rest) =>
		`an image is ${deleted ? 'deleted' : 'kept'}: ${reason}`,
	exec(
		t: ExecutionContext,
		reason: string,
		deleted: boolean,
		image: Partial<FakeImage> = {},
		more: { usedBy?: string[]; position?: number; keep?: number; abandoned?: boolean } = {},
	) {
		const { created_at, owner, properties, tags, asked, ...given } = uploaded('1', 'node-1', image);
		const whole = { ...given, glanceName: 'node-1', name: 'node', digest: undefined, created: created_at };
		const { usedBy = [], ...rest } = more;
		const answer = decide({ ...whole, uploader: undefined }, usedBy, { ...criteria, ...rest });
		t.deepEqual([answer.reason, answer.delete], [reason, deleted]);
	},
});

test(decision, 'old', true);
test(decision, 'newest', false, {}, { position: 1 });
test(decision, 'among the newest 2', false, {}, { position: 2 });
test(decision, 'in use', false, {}, { usedBy: ['server demo-master-0'] });
test(decision, 'protected', false, { protected: true });
test(decision, 'public', false, { visibility: 'public' });
test(decision, 'deactivated', false, { status: 'deactivated' });
test(decision, 'upload in progress', false, { status: 'saving' });
test(decision, 'incomplete', true, { status: 'queued' }, { position: 1, abandoned: true });

const named = (id: string, kstack_name: string, more: Partial<FakeImage> = {}) =>
	uploaded(`id-${id}`, `${kstack_name}-${id}`, {
		properties: { kstack_name, kstack_sha256: `${id}f` },
		...more,
	});

test('prune deletes old unused images by name; images of 0.2.0 all have the same name', async (t) => {
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
	const toDelete = (JSON.parse(dry.stdout) as { id: string; delete: boolean }[]).filter(
		(image) => image.delete,
	);
	t.deepEqual(
		toDelete.map(({ id }) => id),
		['id-4', 'id-0'],
	);
	t.is(glance.images.length, 10);

	const { code, stdout, stderr } = await kimg('--yes');
	t.is(code, 0, stderr);
	t.regex(stdout, /^node +1f .* server demo-minion-0 +keep: in use$/m);
	t.deepEqual(glance.images.map(({ id }) => id.slice(3)).sort(), [...'12356789']);
});

for (const [args, sentence] of [
	[['nonsuch'], /^kimg: .*"nonsuch"/m],
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
