import fc from 'fast-check';
import type { Settings } from '../../src/cluster/spec/config.ts';
import { type Setting, settings, type Value } from '../../src/cluster/spec/settings.ts';

const line = fc
	.string({ unit: 'grapheme' })
	.map((text) => text.replace(/[\n\r\0]/g, ''))
	.filter((text) => Buffer.from(text).toString() === text);

/** Any valid value of a setting. */
function anyValue({ key, type, choices, range }: Setting): fc.Arbitrary<Value> {
	if (key === 'masters') return fc.constantFrom(1, 3, 5, 7);
	switch (type) {
		case 'count':
		case 'seconds':
		case 'port':
		case 'length':
			return fc.integer(range);
		case 'switch':
			return fc.boolean();
		case 'choice':
			return fc.constantFrom(...(choices as string[]));
		case 'addresses':
			return fc.constantFrom('', '192.0.2.1', '192.0.2.1,192.0.2.2');
		case 'servers':
			return fc.constantFrom('', 'ntp.example.com', '192.0.2.1,ntp.example.com,2001:db8::1');
		case 'proxy':
			return fc.constantFrom('', 'http://proxy:3128', "https://proxy.example.com/it's%2050%25", 'proxy:80');
		case 'hosts':
			return fc.constantFrom('', '.internal,10.0.0.0/8', 'localhost');
		case 'network':
		case 'cidr':
		case 'cidrs':
			return fc.nat({ max: 255 }).map((octet) => `10.${octet}.0.0/16`);
		case 'domain':
			return fc.constantFrom('cluster.local', 'example.internal');
		case 'text':
			return fc.oneof(line, fc.constantFrom('', 'true', '007', '1e3', 'null', '[]', '{}', 'a,b', '%index%'));
	}
}

/** Any valid settings of a cluster. Settings that `kstack create` fills in are set if there is a stack. */
export const anySettings: fc.Arbitrary<Settings> = fc.record(
	Object.fromEntries(settings.map((setting) => [setting.key, anyValue(setting)])),
);
