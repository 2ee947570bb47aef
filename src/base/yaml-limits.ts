import { usageError } from './errors.ts';

/** What YAML may hold when every alias is filled in: characters, and layers of lists and mappings. */
const limits = { size: 4_000_000, layers: 100 } as const;

/** What a value counts beside its characters, so that endless empty lists are endless too. */
const perValue = 10;

/** Characters of a part of the file, and its layers. */
interface Extent {
	readonly size: number;
	readonly layers: number;
}

/** A part whose extent is not known yet: what leads to it again is a circle. */
const open = Symbol('open');

/**
 * Refuses content that no cluster needs and that nothing here could compare or print: a few lines of YAML can stand
 * for billions of values by aliases, or for themselves.
 *
 * @param file  what messages call it
 * @throws UserError exit code 2, `yaml-too-large`, with the place in the file
 */
export function requireWithinLimits(content: unknown, file: string): void {
	const known = new Map<object, Extent | typeof open>();
	const wrong = (place: readonly string[], what: string) => {
		const where = place.slice(0, 5).join('').replace(/^\./, '').slice(0, 100);
		return usageError(`${file}: ${where} ${what}.`, undefined, 'yaml-too-large');
	};
	const measure = (value: unknown, place: readonly string[]): Extent => {
		if (typeof value !== 'object' || value === null)
			return { size: perValue + (typeof value === 'string' ? value.length : 0), layers: 0 };
		const before = known.get(value);
		if (before === open) throw wrong(place, 'contains itself');
		if (before !== undefined) return before;
		if (place.length > limits.layers) throw wrong(place, `has more than ${limits.layers} layers`);
		known.set(value, open);
		const total = { size: perValue, layers: 1 };
		for (const [key, part] of Object.entries(value)) {
			const inner = [...place, Array.isArray(value) ? `[${key}]` : `.${key}`];
			const { size, layers } = measure(part, inner);
			total.size += key.length + size;
			total.layers = Math.max(total.layers, layers + 1);
			if (total.size > limits.size)
				throw wrong(inner, `is too long: the file may have ${limits.size / 1_000_000} million characters`);
			if (total.layers > limits.layers) throw wrong(inner, `has more than ${limits.layers} layers`);
		}
		known.set(value, total);
		return total;
	};
	measure(content, []);
}
