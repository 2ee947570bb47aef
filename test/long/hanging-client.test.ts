// A client that never answers is ended after KSTACK_CLIENT_TIMEOUT seconds, and so is the command.
import test from 'ava';
import { emptyCloud } from '../support/fake-cloud.ts';
import { made, on } from '../support/kstack-on-cloud.ts';

/** Does not answer commands that begin with these words, and ignores a polite end. */
const hangingAt = (words: string) => `#!/bin/bash
[[ "$*" == '${words}'* ]] || exit 1
trap '' TERM
sleep 60
`;

const env = { KSTACK_CLIENT_TIMEOUT: '1' };

test('a read request', async (t) => {
	const began = Date.now();
	const answering = hangingAt('stack show');
	const { code, stderr, stdout } = await on([emptyCloud], ['status', 'demo'], { env, answering });
	t.is(code, 1, stderr);
	t.is(stdout, '');
	t.regex(stderr, /`openstack stack show demo` within 1 s/);
	t.regex(stderr, /KSTACK_CLIENT_TIMEOUT/);
	t.true(Date.now() - began < 20_000);
});

test('after a request that changes something, the message says that the cloud may have received it', async (t) => {
	const began = Date.now();
	const answering = hangingAt('stack create');
	const { code, stderr } = await on([emptyCloud], ['create', 'demo'], { env, answering });
	t.is(code, 1, stderr);
	t.regex(stderr, /`openstack stack create` within 1 s/);
	t.regex(stderr, /may still have received/);
	t.true(Date.now() - began < 20_000);
});

test('Ctrl-C ends a client and its child processes', async (t) => {
	const { folder, stages } = await made();
	// The fake client waits for this program, which ignores the end of the client alone.
	const answering = `#!/bin/bash
[ "$1 $2" = 'stack update' ] || exit 1
kill -INT "$(awk '$1 == "PPid:" { print $2 }' "/proc/$PPID/status")"
sleep 20
`;
	const began = Date.now();
	const { code, stderr } = await on(stages(4), ['scale', 'demo', '--minions', '4', '--yes'], {
		cwd: folder,
		answering,
	});
	t.is(code, 130, stderr);
	t.true(Date.now() - began < 15_000);
});
