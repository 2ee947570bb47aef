// What Heat makes of the parameters that kstack gives it.
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { writeTree } from '../../src/base/tree.ts';
import { renderTemplates } from '../../src/cluster/heat/templates.ts';
import { nextReplacementStep } from '../../src/cluster/operations/replace.ts';
import {
	membersToRemove,
	nextStep,
	parametersOfStep,
	startUpgrade,
	type UpgradeState,
	upgradeState,
} from '../../src/cluster/operations/upgrade-steps.ts';
import { finished } from '../../src/cluster/spec/generations.ts';
import { parametersOf, settingsOf } from '../../src/cluster/spec/parameters.ts';
import { anySettings } from '../support/any-settings.ts';
import { clusterOf } from '../support/clusters.ts';
import { temporaryFolder } from '../support/folders.ts';
import { type Candidate, judgeByHeat } from '../support/heat.ts';
import { SimulatedHeat } from '../support/simulated-heat.ts';

const flavors = { masterFlavor: '3', minionFlavor: '2', gatewayFlavor: '2' };
const cluster = clusterOf({ masters: '3', minions: '2', gateways: '1', ...flavors });
const token = 'abcdef.0123456789abcdef';
const identity = { join_token: token, master_token: token, operator_request: '' };

/** A stack of the cluster, and the templates that it has in a state. */
function stack() {
	const images = { master_image: 'A', minion_image: 'A', gateway_image: 'A' };
	const heat = new SimulatedHeat({
		...parametersOf(cluster.settings),
		...images,
		...identity,
		generations: {},
	});
	const templates = async (state: UpgradeState['generations']) => {
		const folder = await temporaryFolder();
		await writeTree(folder, renderTemplates(cluster, state));
		return path.join(folder, 'cluster.yaml');
	};
	return { heat, templates };
}

test('Heat accepts the templates and parameters of every step of an upgrade', async (t) => {
	const { heat, templates } = stack();
	let state = startUpgrade(upgradeState(heat.parameters), 'B');
	const upgrading = await templates(state.generations);
	const candidates: Candidate[] = [];
	for (;;) {
		const step = nextStep(state, heat.members(), heat.settled, 2);
		if (step === undefined) break;
		heat.update(parametersOfStep(state, step, membersToRemove(state, step, heat.members())), 'success');
		candidates.push({ template: upgrading, parameters: heat.parameters });
		state = upgradeState(heat.parameters);
	}
	const end = finished(state.generations);
	heat.update({ generations: end }, 'success');
	candidates.push({ template: await templates(end), parameters: heat.parameters });
	for (const [index, { error }] of (await judgeByHeat(candidates)).entries())
		t.is(error, null, `step ${index}`);
	t.is(candidates.length, 11);
});

test('Heat accepts the parameters of every update of a replacement, including that of a master', async (t) => {
	const { heat, templates } = stack();
	const template = await templates(upgradeState(heat.parameters).generations);
	const candidates: Candidate[] = [];
	for (const node of ['demo-minion-0', 'demo-master-1']) {
		for (;;) {
			const step = nextReplacementStep(
				node,
				upgradeState(heat.parameters),
				heat.members(),
				heat.settled,
				false,
			);
			if (step === undefined) break;
			heat.update(parametersOfStep(step.state, step.state, step.toRemove), 'success');
			candidates.push({ template, parameters: heat.parameters });
		}
	}
	for (const [index, { error }] of (await judgeByHeat(candidates)).entries())
		t.is(error, null, `update ${index}`);
	t.is(candidates.length, 4);
});

test('settings are read back from a stack in Heat, where all values are text', async (t) => {
	const folder = await temporaryFolder();
	await writeTree(folder, renderTemplates(clusterOf()));
	const wanted = fc.sample(anySettings, 20);
	const verdicts = await judgeByHeat(
		wanted.map((one) => ({
			template: path.join(folder, 'cluster.yaml'),
			parameters: { ...parametersOf(one), ...identity },
		})),
	);
	for (const [index, { error, shown }] of verdicts.entries()) {
		t.is(error, null);
		t.deepEqual(settingsOf(shown), wanted[index]);
	}
});
