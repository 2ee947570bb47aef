import test from 'ava';
import { renderTemplates } from '../../src/cluster/heat/templates.ts';
import { cases, clusterOf, ofContract, rendered } from '../support/clusters.ts';
import { matchesGolden } from '../support/golden.ts';

/** What is another each time, by the file it is in. */
const changing: Readonly<Record<string, readonly [RegExp, string]>> = {
	'secrets.yaml': [/(_token: ).*/g, '$1TOKEN'],
	'parameters.yaml': [/(operator_request: |"kstack":)[^}\n]*/g, '$1CHANGING'],
	'operator.key': [/^-----BEGIN EC PRIVATE KEY-----\n[\s\S]*-----END EC PRIVATE KEY-----\n$/, 'KEY\n'],
};

for (const [name, args] of Object.entries(cases)) {
	test(`the stack directory of the case ${name} is the one that was reviewed`, async (t) => {
		const { tree } = await rendered(t, args);
		const settled = tree.map((file) => {
			const [value, word] = changing[file.path] ?? [/$^/, ''];
			return { ...file, mode: 0o644, text: file.text.replace(value, word) };
		});
		await matchesGolden(t, `stack/${name}`, settled);
	});
}

test('for an image without a contract, the templates are those of 0.2.0 and stay so', async (t) => {
	await matchesGolden(t, 'contract-0', renderTemplates(clusterOf(), undefined, ofContract(0)));
});
