// The words of `kstack addon enable` in either order.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { addonArguments } from '../../src/cluster/operations/addon-arguments.ts';
import { temporaryFolder } from '../support/folders.ts';

test.before(async () => {
	process.chdir(await temporaryFolder());
	for (const name of ['demo', 'dns']) {
		await mkdir(name);
		await writeFile(path.join(name, 'cluster.yaml'), `name: ${name}\n`);
	}
});

for (const [first, second, cluster, addon] of [
	['demo', 'default-limits', 'demo', 'default-limits'],
	['default-limits', 'demo', 'demo', 'default-limits'],
	['elsewhere', 'default-limits', 'elsewhere', 'default-limits'],
	['default-limits', 'elsewhere', 'elsewhere', 'default-limits'],
	['demo', './mine', 'demo', './mine'],
	['./mine', 'demo', 'demo', './mine'],
	['./mine', 'dns', 'dns', './mine'],
	['dns', './mine', 'dns', './mine'],
	['mine', 'demo', 'demo', 'mine'],
	['demo', 'mine', 'demo', 'mine'],
	['default-limits', 'dns', 'dns', 'default-limits'],
	['dns', 'default-limits', 'dns', 'default-limits'],
	['dns', 'dns', 'dns', 'dns'],
	['other', 'mine', 'other', 'mine'],
] as const)
	test(`of the words ${first} ${second}, ${cluster} is the cluster and ${addon} the addon`, async (t) => {
		t.deepEqual(await addonArguments(first, second), { cluster, addon });
	});

test('a single word is the addon, of the cluster of the current directory', async (t) => {
	t.deepEqual(await addonArguments(undefined, 'dns'), { cluster: 'kubernetes', addon: 'dns' });
});
