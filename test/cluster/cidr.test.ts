import test from 'ava';
import fc from 'fast-check';
import { address, type Network, overlap, parseNetwork, size } from '../../src/cluster/spec/cidr.ts';
import { python } from '../support/python.ts';

const network = fc
	.tuple(fc.nat({ max: 2 ** 32 - 1 }), fc.integer({ min: 0, max: 32 }))
	.map(([number, prefix]): Network => ({ first: number - (number % 2 ** (32 - prefix)), prefix }));

/** Networks so small and near each other that all their addresses can be listed. */
const smallNetwork = fc.tuple(fc.nat({ max: 63 }), fc.integer({ min: 27, max: 32 })).map(
	([number, prefix]): Network => ({
		first: 10 * 2 ** 24 + number - (number % 2 ** (32 - prefix)),
		prefix,
	}),
);

const addresses = (of: Network) => Array.from({ length: size(of) }, (_, index) => address(of, index));

test('a network is read back from its text', (t) => {
	fc.assert(
		fc.property(network, (one) => {
			t.deepEqual(parseNetwork(`${address(one, 0)}/${one.prefix}`), one);
		}),
	);
	t.pass();
});

test('overlapping is mutual', (t) => {
	fc.assert(fc.property(network, network, (a, b) => overlap(a, b) === overlap(b, a)));
	t.pass();
});

test('networks overlap exactly when they share an address', (t) => {
	fc.assert(
		fc.property(smallNetwork, smallNetwork, (a, b) => {
			const shared = addresses(a).filter((one) => addresses(b).includes(one));
			return overlap(a, b) === shared.length > 0;
		}),
	);
	t.pass();
});

test('what is a network, and which overlap, is as Python says, whose library Heat asks', async (t) => {
	const octet = fc.oneof(fc.nat({ max: 300 }).map(String), fc.constantFrom('0', '00', '010', '', 'a', ' 1'));
	const prefix = fc.oneof(fc.nat({ max: 40 }).map(String), fc.constantFrom('08', '', '-1', '24 ', '1e1'));
	const anything = fc.tuple(octet, octet, octet, octet, prefix).map(([a, b, c, d, length]) => {
		return `${a}.${b}.${c}.${d}/${length}`;
	});
	const right = network.map((one) => `${address(one, 0)}/${one.prefix}`);
	const texts = [
		...['10.0.0.0/24', '10.0.0.1/24', '0.0.0.0/0', '10.0.0.0', '10.0.0.0/33', '256.0.0.0/8', '::/0', ''],
		...['010.0.0.0/8', '10.0.0.0/08', '10.0.0.0/255.0.0.0', '10.0.0.0/24\n', ' 10.0.0.0/24'],
		...fc.sample(anything, 300),
		...fc.sample(right, 100),
	];
	const program = `
import ipaddress, json, sys
def read(text):
    try: return ipaddress.IPv4Network(text)
    except ValueError: return None
networks = [read(text) for text in json.load(sys.stdin)]
print(json.dumps([[n and int(n.network_address), n and n.prefixlen, bool(n and m and n.overlaps(m))]
                  for n, m in zip(networks, networks[1:] + networks[:1])]))
`;
	const answers = await python<[number | null, number | null, boolean][]>(['-c', program], texts);
	for (const [index, [first, length, overlaps]] of answers.entries()) {
		const text = texts[index] as string;
		const found = parseNetwork(text);
		// Python takes a netmask, a leading zero in the prefix and a lone address; we ask for one spelling.
		if (!/\/(0|[1-9]\d*)$/.test(text)) continue;
		t.deepEqual([found?.first ?? null, found?.prefix ?? null], [first, length], text);
		const next = parseNetwork(texts[(index + 1) % texts.length] as string);
		if (found && next) t.is(overlap(found, next), overlaps, text);
	}
});

for (const text of [
	'10.0.0.0',
	'10.0.0.0/',
	'10.0.0.0/255.255.255.0',
	'10.0.0.0/08',
	'10.0.0.0/24 ',
	'/24',
]) {
	test(`"${text}" is no network`, (t) => {
		t.is(parseNetwork(text), undefined);
	});
}

test('addresses are counted from the first one, across octets', (t) => {
	const pods = parseNetwork('10.244.0.0/16') as Network;
	t.is(address(pods, 0), '10.244.0.0');
	t.is(address(pods, 10), '10.244.0.10');
	t.is(address(pods, 256), '10.244.1.0');
	t.is(address(parseNetwork('255.255.255.0/24') as Network, 255), '255.255.255.255');
});
