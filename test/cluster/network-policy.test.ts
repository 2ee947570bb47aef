import test from 'ava';
import { networkPolicyNotice } from '../../src/cluster/spec/network-policy.ts';

test('there is a notice for each network driver that does not enforce NetworkPolicy', (t) => {
	for (const driver of ['routed', 'flannel']) {
		const lines = networkPolicyNotice(driver);
		t.is(lines.length, 1);
		t.regex(lines[0] ?? '', new RegExp(`\\b${driver}\\b.*\\bNetworkPolicy\\b`));
	}
	t.deepEqual(networkPolicyNotice('calico'), []);
	t.deepEqual(networkPolicyNotice(undefined), []);
});
