/** An IPv4 network: its first address as a number, and the length of its prefix. */
export interface Network {
	readonly first: number;
	readonly prefix: number;
}

/** Without leading zeros, which some readers take for octal. */
const octet = '(0|[1-9]\\d{0,2})';

/** Reads `10.0.0.0/24`; `undefined` for anything that is no IPv4 network, host bits included. */
export function parseNetwork(text: string): Network | undefined {
	const match = new RegExp(`^${octet}\\.${octet}\\.${octet}\\.${octet}/(0|[1-9]\\d?)$`).exec(text);
	if (match === null) return undefined;
	const [a, b, c, d, prefix] = match.slice(1).map(Number) as [number, number, number, number, number];
	if (Math.max(a, b, c, d) > 255 || prefix > 32) return undefined;
	const first = ((a * 256 + b) * 256 + c) * 256 + d;
	return first % size({ first, prefix }) === 0 ? { first, prefix } : undefined;
}

/** How many addresses the network has. */
export function size(network: Network): number {
	return 2 ** (32 - network.prefix);
}

/** Whether the two share an address. */
export function overlap(a: Network, b: Network): boolean {
	return a.first < b.first + size(b) && b.first < a.first + size(a);
}

/** The network's address number `index`, counted from 0, as text. */
export function address(network: Network, index: number): string {
	const number = network.first + index;
	return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
}
