// What only a newer image gives is listed for the pools that lack it.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { imageContract } from '../../src/base/contract.ts';
import { UserError } from '../../src/base/errors.ts';
import { packageRoot } from '../../src/base/package.ts';
import { directoryAt } from '../../src/cluster/heat/directory.ts';
import { clusterStatus } from '../../src/cluster/operations/status.ts';
import { readMapping } from '../../src/cluster/spec/config.ts';
import {
	imageFeatures,
	missingFeatures,
	missingFeaturesText,
	poolsWithOldImages,
	sharedTokenText,
} from '../../src/cluster/spec/image-features.ts';
import type { Parameters } from '../../src/cluster/spec/parameters.ts';
import { emptyCloud, fakeCloud } from '../support/fake-cloud.ts';
import { temporaryFolder } from '../support/folders.ts';

const released = async (release: string) => {
	const file = path.join(packageRoot, 'test/releases', release, 'parameters.yaml');
	return readMapping(await readFile(file, 'utf8'), file).parameters as Parameters;
};

const features = (parameters: Parameters) => missingFeatures(parameters).map(({ feature }) => feature);
const ofContract = (contract: number) =>
	imageFeatures.filter((one) => one.contract === contract).map(({ describe }) => describe);
const generations = (record: object) => ({ generations: JSON.stringify(record) });

test('a stack of 0.2.0 lacks the features of both later contracts, one of 0.3.0 those of the last alone', async (t) => {
	const [old, newer] = [await released('0.2.0'), await released('0.3.0')];
	const routed = { recorded_settings: '{"networkDriver": "routed"}', gateway_count: 2 };
	t.deepEqual(features({ ...old, ...routed }), [...ofContract(1), ...ofContract(2)]);
	t.deepEqual(features({ ...newer, ...routed }), ofContract(2));
	t.true(features({ ...old, ...routed }).some((feature) => feature.includes('security groups')));
	const flannel = { recorded_settings: '{"networkDriver": "flannel"}' };
	t.false(features({ ...newer, ...flannel }).includes('routes for valid ranges of pods alone'));
});

test('a stack whose images have the current contract lacks nothing', async (t) => {
	const contracts = { 'debian12-x64-kubernetes': imageContract };
	const current = { ...(await released('0.3.0')), ...generations({ contracts, memberTokens: true }) };
	t.deepEqual(missingFeatures(current), []);
	t.is(missingFeaturesText('demo', []), '');
	t.is(sharedTokenText('demo', current), '');
});

test('a feature names the pools that lack it: by role, with nodes, and with an older image', async (t) => {
	const mixed = {
		...(await released('0.3.0')),
		...generations({ contracts: { new: imageContract, old: 1 } }),
		...{ master_image: 'new', minion_image: 'old', gateway_image: 'old', gateway_count: 0 },
		pools: '{"gpu": {"role": "minion"}, "edge": {"role": "gateway"}, "empty": {"role": "minion"}}',
		...{
			gpu_image: 'old',
			gpu_count: 1,
			edge_image: 'older',
			edge_count: 1,
			empty_image: 'old',
			empty_count: 0,
		},
	};
	const missing = missingFeatures(mixed);
	const byText = Object.fromEntries(missing.map(({ feature, pools }) => [feature, pools]));
	t.deepEqual(byText['hardened kubelet, reserved resources, graceful shutdown'], ['minions', 'edge', 'gpu']);
	t.deepEqual(byText['a gateway answers open connections before it is removed'], ['edge']);
	t.is(byText['addons: kstack addon'], undefined, 'the masters are new');
	t.deepEqual(poolsWithOldImages(missing, mixed), ['minions', 'edge', 'gpu']);
	t.regex(sharedTokenText('demo', mixed), /kstack rotate join-token demo$/);
});

test('during an upgrade the list is what its target does not give', (t) => {
	const upgrading = (current: string) => ({
		...generations({
			...{ current: 2, previous: 1, contracts: { old: 1, new: imageContract } },
			wanted: { master: 1, minion: 3 },
		}),
		...{ master_image: current, minion_image: current, master_count: 0, minion_count: 0 },
	});
	t.deepEqual(features(upgrading('new')), []);
	t.not(features(upgrading('old')).length, 0);
});

test('the text has a line for each feature, its pools, and the command', async (t) => {
	const text = missingFeaturesText('demo', missingFeatures(await released('0.3.0')));
	t.regex(text, /^ {2}- controllers with identities of their own, not system:masters \(masters\)$/m);
	t.regex(text, /\nTo upgrade to an image of kimg .*: kstack upgrade demo --image IMAGE$/);
	for (const line of text.split('\n')) t.true(line.length <= 110, line);
});

test('every contract but the first has features, and none is of a later one', (t) => {
	const contracts = new Set(imageFeatures.map(({ contract }) => contract));
	t.deepEqual(
		[...contracts].sort(),
		Array.from({ length: imageContract }, (_, index) => index + 1),
	);
});

test('records that are not as kstack writes them are read as unknown images, or refused with the parameter', (t) => {
	const odd = fc.oneof(
		fc.jsonValue().map((value) => JSON.stringify(value)),
		fc
			.record({ contracts: fc.jsonValue(), wanted: fc.jsonValue(), memberTokens: fc.jsonValue() })
			.map((value) => JSON.stringify(value)),
		fc.constantFrom(
			'',
			'{',
			'null',
			'{"contracts": null}',
			'{"contracts": {"x": "9"}}',
			'{"wanted": {"master": "y"}}',
		),
	);
	const image = fc.constantFrom('', 'x', '0', 'constructor', '__proto__', undefined);
	fc.assert(
		fc.property(odd, image, odd, (record, name, pools) => {
			const parameters = {
				...{
					master_image: name,
					minion_image: name,
					master_count: '1',
					minion_count: '-',
					generations: record,
				},
				pools,
			};
			try {
				const missing = missingFeatures(parameters);
				poolsWithOldImages(missing, parameters);
				missingFeaturesText('demo', missing);
				sharedTokenText('demo', parameters);
				t.pass();
			} catch (error) {
				t.true(error instanceof UserError, String(error));
			}
		}),
	);
});

test('status is shown although the record of the stack cannot be read', async (t) => {
	const [outputs, directory] = [{}, directoryAt(await temporaryFolder())];
	const cloud = await fakeCloud(emptyCloud);
	Object.assign(process.env, cloud.env);
	const stack = { id: '1', name: 'demo', status: 'CREATE_COMPLETE', reason: '', outputs };
	const { nodes, oldImages } = await clusterStatus({ ...stack, parameters: { generations: '{' } }, directory);
	t.deepEqual([nodes, oldImages], [[], undefined]);
});
