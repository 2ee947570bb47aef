// Which contract with user-data the pools of a cluster have, from create through upgrades.
import test from 'ava';
import { load } from 'js-yaml';
import { renderTemplates } from '../../src/cluster/heat/templates.ts';
import {
	parametersOfStep,
	reversedUpgrade,
	startUpgrade,
	upgradeState,
} from '../../src/cluster/operations/upgrade-steps.ts';
import { poolContracts, templateSupport } from '../../src/cluster/spec/contracts.ts';
import { type Counts, finished, generationsOf } from '../../src/cluster/spec/generations.ts';
import { roles } from '../../src/cluster/spec/roles.ts';
import { clusterOf, ofContract } from '../support/clusters.ts';

const images = (id: string) => ({ master_image: id, minion_image: id, gateway_image: id });
const counts: Counts = { master: 1, minion: 2, gateway: 0 };

test('a stack of 0.2.0, which recorded nothing, has contract 0', (t) => {
	const contractOf = poolContracts(images('old'));
	for (const role of roles) t.is(contractOf(role, ''), 0);
});

test('each role has the contract of its own image', (t) => {
	const contractOf = poolContracts({
		...images('old'),
		minion_image: 'new',
		generations: JSON.stringify({ contracts: { new: 1 } }),
	});
	t.deepEqual(
		roles.map((role) => contractOf(role, '')),
		roles.map((role) => (role === 'minion' ? 1 : 0)),
	);
});

/** Parameters in the middle of an upgrade from contract 0 to 1, and those after a turn. */
function upgrading() {
	const place = startUpgrade(upgradeState({ ...images('old'), minion_count: 2 }), 'new', 1);
	const step = { now: counts, before: counts };
	const turned = reversedUpgrade(place, true);
	return { place, up: parametersOfStep(place, step, []), down: parametersOfStep(turned, step, []) };
}

test('during an upgrade each generation has the contract of its image, in both directions', (t) => {
	const { up, down } = upgrading();
	const both = (parameters: object) => {
		const contractOf = poolContracts({ ...parameters });
		return [contractOf('minion', ''), contractOf('minion', 'previous_')];
	};
	t.deepEqual(both(up), [1, 0]);
	t.deepEqual(both(down), [0, 1]);
});

test('a contract is removed with the last pool of its image', (t) => {
	const { place } = upgrading();
	t.deepEqual(finished(place.generations).contracts, { new: 1 });
	t.is(finished(reversedUpgrade(place, true).generations).contracts, undefined);
});

test('changes other than upgrades keep the record of a stack', (t) => {
	const generations = { contracts: { new: 1 } };
	t.deepEqual(generationsOf({ ...images('new'), generations }).contracts, { new: 1 });
	t.deepEqual(upgradeState({ ...images('new'), generations }).generations.contracts, { new: 1 });
});

test('pools of two contracts have separate templates, whichever is current', (t) => {
	const { up, down } = upgrading();
	for (const parameters of [up, down]) {
		const { current, previous } = generationsOf({ ...parameters });
		const tree = renderTemplates(clusterOf(), { current, previous }, templateSupport({ ...parameters }));
		const text = (name: string) => tree.find((file) => file.path === name)?.text ?? '';
		const { resources } = load(text('cluster.yaml')) as {
			resources: Record<string, { properties: { resource_def: { type: string } } }>;
		};
		const templateOf = (pool: string) => resources[pool]?.properties.resource_def.type;
		t.is(templateOf('minions'), 'minion.yaml');
		t.is(templateOf('minions_2'), 'minion-contract-1.yaml');
		t.regex(text('minion.yaml'), /get_file: user-data\/minion\.yaml/);
		t.regex(text('minion-contract-1.yaml'), /get_file: user-data\/minion-contract-1\.yaml/);
		t.regex(text('user-data/minion.yaml'), /assemble\.d/);
		t.notRegex(text('user-data/minion-contract-1.yaml'), /assemble\.d/);
	}
});

test('without an upgrade there are only the files of one contract', (t) => {
	const paths = (contract: number) =>
		renderTemplates(clusterOf(), undefined, ofContract(contract)).map((file) => file.path);
	t.deepEqual(
		paths(0).filter((name) => name.includes('contract')),
		[],
	);
	t.deepEqual(
		paths(1).filter((name) => name.includes('minion')),
		['minion-contract-1.yaml', 'user-data/minion-contract-1.yaml'],
	);
});
