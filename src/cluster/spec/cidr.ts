/** An IPv4 network: its first address as a number, and the length of its prefix. */
export interface Network {
	readonly first: number;
	readonly prefix: number;
}

/** Without leading zeros, which some parsers read as octal. */
const octet = '(0|[1-9]\\d{0,2})';
const dotted = `${octet}\\.${octet}\\.${octet}\\.${octet}`;

/** Four octets as a number; `undefined` if one is too large. */
function numberOf(octets: readonly string[]): number | undefined {
	const numbers = octets.map(Number);
	if (numbers.some((number) => number > 255)) return undefined;
	return numbers.reduce((sum, number) => sum * 256 + number, 0);
}

/** Whether the text is an IPv4 address. */
export function isAddress(text: string): boolean {
	const match = new RegExp(`^${dotted}$`).exec(text);
	return match !== null && numberOf(match.slice(1)) !== undefined;
}

/** Parses `10.0.0.0/24`, and `10.0.0.7/24` as the same; `undefined` for anything that is not an IPv4 range. */
export function parseRange(text: string): Network | undefined {
	const match = new RegExp(`^${dotted}/(0|[1-9]\\d?)$`).exec(text);
	const number = match === null ? undefined : numberOf(match.slice(1, 5));
	const prefix = Number(match?.[5]);
	if (number === undefined || prefix > 32) return undefined;
	return { first: number - (number % size({ first: 0, prefix })), prefix };
}

/** Parses `10.0.0.0/24`; `undefined` for anything that is not an IPv4 network, such as with host bits set. */
export function parseNetwork(text: string): Network | undefined {
	const found = parseRange(text);
	return found !== undefined && `${address(found, 0)}/${found.prefix}` === text ? found : undefined;
}

/** IPv4 ranges that cannot be used for nodes, pods or Services. */
const reserved: readonly Network[] = ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3'].map(
	(text) => parseNetwork(text) as Network,
);

/** The reserved range that overlaps with the network; `undefined` for none. */
export function reservedFor(network: Network): Network | undefined {
	return reserved.find((range) => overlap(range, network));
}

/** The number of addresses of the network. */
export function size(network: Network): number {
	return 2 ** (32 - network.prefix);
}

/** Whether two networks overlap. */
export function overlap(a: Network, b: Network): boolean {
	return a.first < b.first + size(b) && b.first < a.first + size(a);
}

/** The address with this index in the network, starting at 0, as text. */
export function address(network: Network, index: number): string {
	const number = network.first + index;
	return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
}
