import test from 'ava';
import { packageVersion } from '../../src/base/package.ts';
import { requireNotNewer, withOwnVersion } from '../../src/cluster/heat/kstack-version.ts';

const [major = 0, minor = 0, patch = 0] = packageVersion().split('.').map(Number);

const stack = (generations: string) => ({
	...{ id: '1', name: 'demo', status: 'UPDATE_COMPLETE', reason: '', outputs: {} },
	parameters: { generations },
});

for (const newer of [`${major}.${minor}.${patch + 1}`, `${major}.${minor + 10}.0`, `${major + 1}.0.0`]) {
	test(`a stack that kstack ${newer} has updated is not changed`, (t) => {
		const error = t.throws(() => requireNotNewer(stack(JSON.stringify({ kstack: newer }))), {
			code: 'newer-kstack',
		} as object);
		t.regex(error?.message ?? '', new RegExp(newer.replaceAll('.', '\\.')));
	});
}

for (const generations of [
	'',
	'{}',
	'{"kstack":"0.1.12"}',
	`{"kstack":"${packageVersion()}-rc.1"}`,
	'{"kstack":"later"}',
	withOwnVersion({}),
]) {
	test(`a stack with generations ${JSON.stringify(generations)} can be changed`, (t) => {
		t.notThrows(() => requireNotNewer(stack(generations)));
	});
}

test('the record of the version keeps what else is recorded', (t) => {
	const then = withOwnVersion({ generations: '{"current":3,"kstack":"0.0.1"}' });
	t.deepEqual(JSON.parse(then), { securityGroups: 'both', current: 3, kstack: packageVersion() });
	t.like(JSON.parse(withOwnVersion({ generations: '{"securityGroups":"roles"}' })), {
		securityGroups: 'roles',
	});
});
