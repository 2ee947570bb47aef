import { isIP } from 'node:net';
import {
	boolean,
	type Form,
	line,
	matching,
	oneOf,
	orEmpty,
	type Range,
	wholeNumber,
} from '../../base/forms.ts';
import { isAddress, parseNetwork, parseRange, reservedFor } from './cidr.ts';
import type { Setting, Value } from './settings.ts';

const ipv4 = '\\d{1,3}(?:\\.\\d{1,3}){3}';
const network = new RegExp(`^${ipv4}/\\d{1,2}$`);

/** A network for nodes, pods or Services. */
const ownNetwork = matching(
	network,
	'an IPv4 network such as 10.0.0.0/24, without host bits, and not in a reserved range (0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16 and from 224.0.0.0 on)',
	(text) => {
		const found = parseNetwork(text);
		return found !== undefined && reservedFor(found) === undefined;
	},
);

/** Allowed source addresses. Host bits may be set, as in Heat. */
const sources = matching(
	network,
	'an IPv4 network such as 192.0.2.0/24',
	(text) => parseRange(text) !== undefined,
);

const addressList = new RegExp(`^(?:${ipv4}(?:\\s*,\\s*${ipv4})*)?$`);

/** A list, or text with commas, as in flags and in Heat. */
const addresses: Form<string> = {
	description: 'IPv4 addresses with commas between them, such as 192.0.2.1,192.0.2.2',
	read: (value) => {
		const text = Array.isArray(value) ? value.join(',') : value;
		if (typeof text !== 'string' || !addressList.test(text)) return undefined;
		const all = text === '' ? [] : text.split(',').map((one) => one.trim());
		return all.every(isAddress) ? all.join(',') : undefined;
	},
	schema: {
		type: ['string', 'array'],
		pattern: addressList.source,
		items: { type: 'string', pattern: `^${ipv4}$` },
	},
};

const hostName = '[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*';
/** Digits and dots alone are an IPv4 address, and no host name. */
const server = `(?:${ipv4}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+|(?![\\d.]+(?:[\\s,]|$))${hostName})`;
const serverList = new RegExp(`^(?:${server}(?:\\s*,\\s*${server})*)?$`);

/** What is written as an address must be one; anything else is a host name. */
const isServer = (text: string) => (/^[\d.]+$|:/.test(text) ? isIP(text) !== 0 : text.length <= 253);

/** Servers by host name or address: a list, or text with commas. */
const servers: Form<string> = {
	description: 'host names or addresses with commas between them, such as 192.0.2.1,ntp.example.com',
	read: (value) => {
		const text = Array.isArray(value) ? value.join(',') : value;
		if (typeof text !== 'string' || !serverList.test(text)) return undefined;
		const all = text === '' ? [] : text.split(',').map((one) => one.trim());
		return all.every(isServer) ? all.join(',') : undefined;
	},
	schema: {
		type: ['string', 'array'],
		pattern: serverList.source,
		items: { type: 'string', pattern: `^${server}$` },
	},
};

const domain = matching(
	/^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/,
	'a DNS domain such as cluster.local',
);

/** Without user, password and query, which may be secrets: Heat and every node would reveal them. */
const proxy: Form<string> = {
	...matching(
		/^(?:(?:[Hh][Tt][Tt][Pp][Ss]?:\/\/)?(?:[^\s@?#/:]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:\/[^\s@?#]*)?)?$/,
		'the address of a proxy that needs no user and no password, such as http://proxy.example.com:3128',
	),
	secret: true,
};

/** Hosts separated by commas; an @ would mean a URL with a user. */
const hosts: Form<string> = {
	...matching(/^[^\n\r\0@]*$/, 'host names, addresses and networks with commas between them'),
	secret: true,
};

/** The member count of a pool; heat/cluster.yaml.ejs has the same range. */
export const countForm = wholeNumber({ min: 0, max: 5000 });

/** The form of a setting's value. */
export function formOf(setting: Setting): Form<Value> {
	const range = setting.range as Range;
	switch (setting.type) {
		case 'count':
		case 'length':
			return wholeNumber(range);
		case 'seconds':
			return wholeNumber(range, 'a number of seconds');
		case 'port':
			return wholeNumber(range, 'a port');
		case 'switch':
			return boolean;
		case 'choice':
			return oneOf(setting.choices ?? []);
		case 'network':
			return ownNetwork;
		case 'cidr':
			return sources;
		case 'cidrs':
			return orEmpty(sources);
		case 'addresses':
			return addresses;
		case 'servers':
			return servers;
		case 'domain':
			return domain;
		case 'proxy':
			return proxy;
		case 'hosts':
			return hosts;
		case 'text':
			return line;
	}
}
