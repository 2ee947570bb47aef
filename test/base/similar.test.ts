import test from 'ava';
import { similar } from '../../src/base/similar.ts';

const known = ['create', 'scale', 'list', 'minions', 'minionFlavor', 'masters'];

for (const [typed, meant] of [
	['scael', 'scale'],
	['lsit', 'list'],
	['minoins', 'minions'],
	['minion-flavour', 'minionFlavor'],
	['maters', 'masters'],
	['scale', 'scale'],
	['delete', undefined],
	['ca', undefined],
] as const)
	test(`${typed} was probably meant to be ${meant ?? 'none of them'}`, (t) => {
		t.is(similar(typed, known), meant);
	});
