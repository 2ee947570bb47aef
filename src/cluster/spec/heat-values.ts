/** A parameter's value as it is passed to Heat. */
export function textOf(value: unknown): string {
	return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value ?? '');
}

/** A canonical form of values that are equal for Heat: `True` and true, a list and its items with commas. */
export function comparable(value: unknown): string {
	const ordered = (part: unknown): unknown => {
		if (Array.isArray(part)) return part.map(ordered);
		if (typeof part !== 'object' || part === null) return part;
		return Object.fromEntries(
			Object.entries(part)
				.sort(([a], [b]) => (a < b ? -1 : 1))
				.map(([key, inner]) => [key, ordered(inner)]),
		);
	};
	const text = textOf(value);
	if (/^[[{]/.test(text)) {
		try {
			const parsed: unknown = JSON.parse(text);
			return Array.isArray(parsed) ? parsed.join(',') : JSON.stringify(ordered(parsed));
		} catch {
			return text;
		}
	}
	return /^(true|false)$/i.test(text) ? text.toLowerCase() : text;
}
