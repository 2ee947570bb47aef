// How long Heat and Nova take for ten minions more, by how many there are already: servers that exist in Nova's
// books alone, so what is measured is the cloud's side and kstack's, not the machines' boot.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { attempt } from '../cloud/cloud.ts';
import { withNodeSignals } from '../cloud/signals.ts';

const sizes = [1, 11, 21, 31, 41];
const zones = ['master', 'minion', 'gateway'].flatMap((role) => [`--${role}-availability-zone`, 'fake']);
const folder = await mkdtemp(path.join(tmpdir(), 'kstack-bench-'));

async function kstack(...words: string[]): Promise<number> {
	const began = Date.now();
	const { code, stderr } = await withNodeSignals('bench', () => attempt('kstack', words, folder));
	if (code !== 0) throw new Error(`kstack ${words.join(' ')}: exit ${code}\n${stderr}`);
	await rm(path.join(folder, 'bench/kubeconfig'), { force: true });
	return (Date.now() - began) / 1000;
}

try {
	await kstack('create', 'bench', '--minions', '1', ...zones);
	console.log('| minions before | seconds for ten more | seconds per minion | as a multiple of the first |');
	console.log('|---|---|---|---|');
	let first: number | undefined;
	for (const size of sizes.slice(0, -1)) {
		const seconds = await kstack('scale', 'bench', '--minions', '+10');
		first ??= seconds;
		const cells = [size, seconds.toFixed(0), (seconds / 10).toFixed(1), (seconds / first).toFixed(2)];
		console.log(`| ${cells.join(' | ')} |`);
	}
} finally {
	await attempt('kstack', ['delete', 'bench', '--yes'], folder);
	await rm(folder, { recursive: true, force: true });
}
