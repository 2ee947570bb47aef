import { cut } from '../../base/forms.ts';

const part = '[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?';
const dns = '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*';
const keyPattern = new RegExp(`^(${dns}/)?${part}$`);
const valuePattern = new RegExp(`^(${part})?$`);

/** A taint as kubectl writes it: `KEY=VALUE:EFFECT` or `KEY:EFFECT`. */
export const taintPattern = new RegExp(
	`^(?:${dns}/)?${part}(?:=(?:${part})?)?:(NoSchedule|PreferNoSchedule|NoExecute)$`,
);

/** Whether a key belongs to Kubernetes or to kstack, which set labels and taints of it themselves. */
const isOurs = (key: string) => /(^|\.)(kubernetes\.io|k8s\.io|kstack\.io)\//.test(key);

const isMapping = (value: unknown): value is Record<string, unknown> =>
	typeof value === 'object' && value !== null && !Array.isArray(value);

/** A scalar as text. A list or mapping is none: as text it may be endless. */
const textOf = (value: unknown) => (typeof value === 'object' ? '' : String(value));

/** Gets each mistake: the key, what is wrong with it, and the value. */
export type Mistake = (key: string, what: string, value: unknown) => void;

/** The labels of nodes in a file: a mapping of keys to values, or nothing. */
export function readLabels(value: unknown, mistake: Mistake): Record<string, string> {
	if (value === undefined || value === null) return {};
	if (!isMapping(value)) {
		mistake('labels', 'must be a mapping of label keys to values', value);
		return {};
	}
	for (const [key, text] of Object.entries(value)) {
		if (!keyPattern.test(key)) mistake('labels', 'is not a label key', key);
		else if (isOurs(key)) mistake('labels', 'is a key that Kubernetes or kstack sets: use another', key);
		if (isMapping(text) || Array.isArray(text) || !valuePattern.test(textOf(text ?? null)))
			mistake(`labels.${cut(key)}`, 'is not a label value', text);
	}
	return Object.fromEntries(Object.entries(value).map(([key, text]) => [key, textOf(text ?? null)]));
}

/** Key and effect of a taint: a node has one taint of each. */
export const taintIdentity = (taint: string) => taint.replace(/=[^:]*/, '');

/**
 * The taints of nodes in a file: a list, or nothing.
 *
 * @param allowOurs  whether keys of Kubernetes and kstack are taken, as for the roles that come with kstack
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
		if (isOurs(taint) && !allowOurs)
			mistake('taints', 'has a key that Kubernetes or kstack sets: use another', taint);
		const id = taintIdentity(taint);
		if (ids.has(id)) mistake('taints', 'repeats the key and effect of another taint', taint);
		ids.add(id);
	}
	// The API writes a taint without a value as `KEY:EFFECT`.
	return value.map((taint) => textOf(taint).replace(/=:/, ':'));
}

/** A taint as the kubelet's `--register-with-taints` takes it in every version: with `=`, also without a value. */
export const registeredTaint = (taint: string) => (taint.includes('=') ? taint : taint.replace(':', '=:'));
