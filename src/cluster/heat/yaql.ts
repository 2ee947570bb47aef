/** The expressions of the templates; `$.data.NAME` is a number. */
const forms: readonly [RegExp, (one: number, other: number, ...more: number[]) => number | boolean][] = [
	[/^max\((\d+), (\d+)\)$/, Math.max],
	[/^min\((\d+), (\d+)\)$/, Math.min],
	[/^(\d+) <= (\d+) and (\d+) >= (\d+)$/, (a, b, c = 0, d = 0) => a <= b && c >= d],
];

/**
 * Evaluates Heat's function `yaql`.
 *
 * @param argument  with functions in `data` evaluated
 * @returns `undefined` for expressions that the templates of kstack do not have
 */
export function yaql(argument: unknown): number | boolean | undefined {
	const { expression, data } = argument as { expression: string; data: Record<string, unknown> };
	const text = expression.replaceAll(/\$\.data\.(\w+)/g, (_, name: string) => String(data[name]));
	for (const [form, value] of forms) {
		const [one, other, ...more] = (form.exec(text) ?? []).slice(1).map(Number);
		if (one !== undefined && other !== undefined) return value(one, other, ...more);
	}
	return undefined;
}
