import { dump } from 'js-yaml';
import { editText } from '../../base/edit-text.ts';
import { say } from '../../base/say.ts';
import { readMapping } from '../spec/config.ts';
import { countsOf, generationsOf } from '../spec/generations.ts';
import type { Parameters } from '../spec/parameters.ts';
import { recordsOf } from '../spec/pools.ts';

/**
 * The counts of the additional pools for cluster.yaml: during an upgrade those at its end. Empty while a replacement
 * has a temporary additional member.
 */
export function wantedPoolCounts(parameters: Parameters): Record<string, number> {
	const { wanted, replacing } = generationsOf(parameters);
	if (replacing?.extra === true) return {};
	const counts = wanted ?? countsOf(parameters, '');
	return Object.fromEntries(Object.keys(recordsOf(parameters)).map((name) => [name, counts[name] ?? 0]));
}

const countIn = (text: string, file: string, pool: string): unknown => {
	const { pools } = readMapping(text, file);
	const entry = Array.isArray(pools) ? pools.find((one) => one?.name === pool) : undefined;
	return (entry as { count?: unknown } | undefined)?.count;
};

/** The text with another count for a pool and no other change; `undefined` if the count was not found. */
function withCount(text: string, file: string, pool: string, count: number): string | undefined {
	const lines = text.split('\n');
	const start = lines.findIndex((line) => /^pools:/.test(line));
	if (start < 0) return undefined;
	const length = lines.slice(start + 1).findIndex((line) => /^[^\s#-]/.test(line));
	const end = length < 0 ? lines.length : start + 1 + length;
	for (let line = start; line < end; line++) {
		const changed = (lines[line] as string).replace(/\bcount:\s*\d+/, `count: ${count}`);
		const candidate = lines.with(line, changed).join('\n');
		if (candidate !== text && countIn(candidate, file, pool) === count) return candidate;
	}
	return undefined;
}

/** Writes the counts of pools to cluster.yaml, and keeps the rest of the file, including comments. */
export async function setPoolCounts(file: string, counts: Readonly<Record<string, number>>): Promise<void> {
	await editText(file, (before) => {
		let text = before;
		for (const [pool, count] of Object.entries(counts)) {
			const now = countIn(text, file, pool);
			if (now === undefined || now === count) continue;
			const changed = withCount(text, file, pool, count);
			if (changed === undefined)
				say(`Set the count of the pool ${pool} in ${file} to ${count}: it has ${now}`);
			else text = changed;
		}
		return text;
	});
}

/**
 * Adds parameters to parameters.yaml and removes those that the templates no longer have; Heat would reject them.
 *
 * @param added     values of parameters to add if absent
 * @param declared  the parameters of the templates
 */
export function syncParameters(
	file: string,
	added: Readonly<Record<string, string>>,
	declared: ReadonlySet<string>,
): Promise<void> {
	return editText(file, (text) => withParameters(text, file, added, declared));
}

function withParameters(
	text: string,
	file: string,
	added: Readonly<Record<string, string>>,
	declared: ReadonlySet<string>,
): string {
	const { parameters } = readMapping(text, file);
	const present = Object.keys((parameters ?? {}) as object);
	const lines = text.split('\n');
	const removed = new Set(present.filter((name) => !declared.has(name)));
	const kept: string[] = [];
	let dropping = false;
	for (const line of lines) {
		const key = /^ {2}(?:([\w-]+)|'([^']+)'|"([^"]+)"):/.exec(line)?.slice(1).find(Boolean);
		if (key !== undefined || !/^ {3}/.test(line)) dropping = key !== undefined && removed.has(key);
		if (!dropping) kept.push(line);
		if (!/^parameters:/.test(line)) continue;
		for (const [name, value] of Object.entries(added)) {
			if (!present.includes(name) && declared.has(name))
				kept.push(`  ${dump({ [name]: value }, { lineWidth: -1 }).trimEnd()}`);
		}
	}
	return kept.join('\n');
}
