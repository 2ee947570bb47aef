import fc from 'fast-check';
import type { Settings } from '../../src/cluster/spec/config.ts';
import { type Setting, settings, type Value } from '../../src/cluster/spec/settings.ts';

const line = fc
	.string({ unit: 'grapheme' })
	.map((text) => text.replace(/[\n\r\0]/g, ''))
	.filter((text) => Buffer.from(text).toString() === text);

/** Any value that the setting may hold. */
function anyValue({ key, type, choices }: Setting): fc.Arbitrary<Value> {
	if (key === 'masters') return fc.constantFrom(1, 3, 5, 7);
	if (key === 'dnsNameserver') return fc.constantFrom('', '192.0.2.1', '192.0.2.1,192.0.2.2');
	switch (type) {
		case 'count':
			return fc.nat({ max: 500 });
		case 'seconds':
			return fc.integer({ min: 60, max: 43200 });
		case 'port':
			return fc.integer({ min: 1, max: 10247 });
		case 'length':
			return fc.integer({ min: 8, max: 30 });
		case 'switch':
			return fc.boolean();
		case 'choice':
			return fc.constantFrom(...(choices as string[]));
		case 'cidr':
		case 'cidrs':
			return fc.nat({ max: 255 }).map((octet) => `10.${octet}.0.0/16`);
		case 'domain':
			return fc.constantFrom('cluster.local', 'example.internal');
		case 'text':
			return fc.oneof(line, fc.constantFrom('', 'true', '007', '1e3', 'null', '[]', '{}', 'a,b', '%index%'));
	}
}

/** What a cluster may have been asked for. What `kstack create` fills in is always there once a stack is. */
export const anySettings: fc.Arbitrary<Settings> = fc.record(
	Object.fromEntries(settings.map((setting) => [setting.key, anyValue(setting)])),
);
