import test, { type ExecutionContext } from 'ava';
import { compareVersions, mistakeInVersion } from '../../src/stack/cloud/node-image.ts';

const image = (kubernetes: string | undefined) => ({
	...{ id: 'image-2', name: 'next', kubernetes, networkDrivers: undefined },
});

const upgrade = test.macro({
	title: (_, from: readonly string[], to: string | undefined, words?: RegExp) =>
		`from ${from.join(' and ') || 'nothing known'} to ${to}: ${words === undefined ? 'allowed' : 'refused'}`,
	exec(t: ExecutionContext, from: readonly string[], to: string | undefined, words?: RegExp) {
		const mistake = mistakeInVersion(from, image(to));
		if (words === undefined) t.is(mistake, undefined);
		else t.regex(mistake ?? '', words);
	},
});

test(upgrade, ['1.20.2'], '1.20.2');
test(upgrade, ['1.20.2'], '1.20.15');
test(upgrade, ['1.20.2'], '1.21.0');
test(upgrade, ['1.9.9'], '1.10.0');
test(upgrade, ['1.34.1', '1.34.3'], '1.35.0');
test(upgrade, [], '1.34.1');
test(upgrade, ['1.20.2'], '1.22.0', /1\.21 comes first/);
test(upgrade, ['1.20.2', '1.21.0'], '1.22.0', /the cluster 1\.20\.2: .* 1\.21 comes first/);
test(upgrade, ['1.20.2'], '1.20.1', /does not go down/);
test(upgrade, ['1.10.0'], '1.9.9', /does not go down/);
test(upgrade, ['1.20.2', '1.21.0'], '1.20.9', /the cluster 1\.21\.0: an upgrade does not go down/);
test(upgrade, ['1.20.2'], undefined, /does not tell its version/);
test(upgrade, ['1.20.2'], 'newest', /does not tell its version/);

test('versions are compared as numbers, with or without v', (t) => {
	t.true(compareVersions('1.9.0', 'v1.10.0') < 0);
	t.true(compareVersions('v1.20.10', '1.20.9') > 0);
	t.is(compareVersions('v1.20.2', '1.20.2+debian'), 0);
});
