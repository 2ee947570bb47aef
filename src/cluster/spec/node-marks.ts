import { cut } from '../../base/forms.ts';

const part = '[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?';
const dns = '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*';
const keyPattern = new RegExp(`^(${dns}/)?${part}$`);
const valuePattern = new RegExp(`^(${part})?$`);

/** A taint as kubectl writes it: `KEY=VALUE:EFFECT` or `KEY:EFFECT`. */
export const taintPattern = new RegExp(
	`^(?:${dns}/)?${part}(?:=(?:${part})?)?:(NoSchedule|PreferNoSchedule|NoExecute)$`,
);

/** Whether a label or taint key is reserved for Kubernetes or kstack. */
const isReserved = (key: string) => /(^|\.)(kubernetes\.io|k8s\.io|kstack\.io)\//.test(key);

const isMapping = (value: unknown): value is Record<string, unknown> =>
	typeof value === 'object' && value !== null && !Array.isArray(value);

/** A scalar as text; empty for a list or mapping, whose text may be very long. */
const textOf = (value: unknown) => (typeof value === 'object' ? '' : String(value));

/** Called for each mistake with the key, the problem, and the value. */
export type Mistake = (key: string, what: string, value: unknown) => void;

/** Reads node labels from a file: an optional mapping of keys to values. */
export function readLabels(value: unknown, mistake: Mistake): Record<string, string> {
	if (value === undefined || value === null) return {};
	if (!isMapping(value)) {
		mistake('labels', 'must be a mapping of label keys to values', value);
		return {};
	}
	for (const [key, text] of Object.entries(value)) {
		if (!keyPattern.test(key)) mistake('labels', 'is not a label key', key);
		else if (isReserved(key)) mistake('labels', 'is a key that Kubernetes or kstack sets: use another', key);
		if (isMapping(text) || Array.isArray(text) || !valuePattern.test(textOf(text ?? null)))
			mistake(`labels.${cut(key)}`, 'is not a label value', text);
	}
	return Object.fromEntries(Object.entries(value).map(([key, text]) => [key, textOf(text ?? null)]));
}

/** Key and effect of a taint, which together are unique on a node. */
export const taintIdentity = (taint: string) => taint.replace(/=[^:]*/, '');

/**
 * Reads node taints from a file: an optional list.
 *
 * @param allowOurs  whether reserved keys are allowed, as for the roles of kstack
 */
export function readTaints(value: unknown, mistake: Mistake, allowOurs = false): string[] {
	if (value === undefined || value === null) return [];
	if (!Array.isArray(value)) {
		mistake('taints', 'must be a list of KEY=VALUE:EFFECT', value);
		return [];
	}
	const ids = new Set<string>();
	for (const entry of value) {
		const taint = textOf(entry);
		if (!taintPattern.test(taint)) {
			mistake('taints', 'must be KEY=VALUE:EFFECT with NoSchedule, PreferNoSchedule or NoExecute', entry);
			continue;
		}
		if (isReserved(taint) && !allowOurs)
			mistake('taints', 'has a key that Kubernetes or kstack sets: use another', taint);
		const id = taintIdentity(taint);
		if (ids.has(id)) mistake('taints', 'repeats the key and effect of another taint', taint);
		ids.add(id);
	}
	// The API writes a taint without a value as `KEY:EFFECT`.
	return value.map((taint) => textOf(taint).replace(/=:/, ':'));
}

/** A taint in the format of `--register-with-taints` in all kubelet versions: with `=`, even without a value. */
export const registeredTaint = (taint: string) => (taint.includes('=') ? taint : taint.replace(':', '=:'));
