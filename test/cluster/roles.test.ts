import { readdir } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { packageRoot } from '../../src/base/package.ts';
import { roleDefinitions, roles } from '../../src/cluster/spec/roles.ts';

test('every folder of roles/ is a role, and masters are upgraded first', async (t) => {
	t.deepEqual([...roles].sort(), (await readdir(path.join(packageRoot, 'roles'))).sort());
	t.is(roles[0], 'master');
});

for (const role of roles) {
	test(`the ${role}'s definition has all that kstack reads`, (t) => {
		const { name, plural, taints, minimum, upgradeOrder } = roleDefinitions[role];
		t.is(name, role);
		t.is(plural, `${role}s`);
		for (const taint of taints)
			t.regex(taint, /^[\w.-]+\/[\w.-]+=[\w.-]*:(NoSchedule|PreferNoSchedule|NoExecute)$/);
		t.true(Number.isInteger(minimum.memory) && Number.isInteger(minimum.cpus));
		t.true(Number.isInteger(upgradeOrder));
	});
}
