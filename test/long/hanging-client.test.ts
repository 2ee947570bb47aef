// A client that never answers is ended after KSTACK_CLIENT_TIMEOUT seconds, and so is the command.
import test from 'ava';
import { emptyCloud } from '../support/fake-cloud.ts';
import { on } from '../support/kstack-on-cloud.ts';

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

test('a request that changes something says that the cloud may have it all the same', async (t) => {
	const began = Date.now();
	const answering = hangingAt('stack create');
	const { code, stderr } = await on([emptyCloud], ['create', 'demo'], { env, answering });
	t.is(code, 1, stderr);
	t.regex(stderr, /`openstack stack create` within 1 s/);
	t.regex(stderr, /may have received/);
	t.true(Date.now() - began < 20_000);
});
