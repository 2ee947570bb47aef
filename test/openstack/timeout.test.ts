import test from 'ava';
import { clientTimeout } from '../../src/openstack/timeout.ts';

test('the seconds of KSTACK_CLIENT_TIMEOUT stay within what a timer can wait', (t) => {
	for (const [seconds, milliseconds] of [
		['5', 5000],
		['x', 600_000],
		['2147483', 2_147_483_000],
		['2147484', 2_147_483_647],
		['Infinity', 2_147_483_647],
	] as const) {
		process.env.KSTACK_CLIENT_TIMEOUT = seconds;
		t.is(clientTimeout(), milliseconds, seconds);
	}
});
