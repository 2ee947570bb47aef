import { readdir } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { packageRoot } from '../../src/base/package.ts';
import { packagedRoles, roles, runsControlPlane } from '../../src/cluster/spec/roles.ts';

test('every folder of roles/ is a role, and one runs the control plane', async (t) => {
	t.deepEqual([...roles].sort(), (await readdir(path.join(packageRoot, 'roles'))).sort());
	t.deepEqual(
		roles.filter((role) => runsControlPlane({ role })),
		['master'],
	);
});

test('masters are upgraded first, then gateways, then minions', (t) => {
	const order = Object.values(packagedRoles).sort((one, other) => one.upgradeOrder - other.upgradeOrder);
	t.deepEqual(
		order.map(({ name }) => name),
		['master', 'gateway', 'minion'],
	);
});

test('the default pools keep their names, counts and places: Heat parameters and flags follow from them', (t) => {
	t.deepEqual(
		roles.map((role) => {
			const { name, default: count, min, max } = packagedRoles[role]?.defaultPool ?? {};
			return [role, name, count, min, max];
		}),
		[
			['master', 'masters', 1, 1, 7],
			['minion', 'minions', 1, 0, 5000],
			['gateway', 'gateways', 0, 0, 5000],
		],
	);
});
