// A cluster of one master, and upgrades whose new master fails: at every point the cluster goes on, and etcd has the
// members that run and no other.
import test from 'ava';
import { apiOf } from '../../api.ts';
import { openstack } from '../../cloud.ts';
import { uploadChangedImage } from '../../image.ts';
import { meanwhile, summary } from '../../loop.ts';
import { OwnCluster } from '../../own-cluster.ts';

const fails = (message: string) => `#!/bin/bash\necho '${message}' >&2\nexit 1\n`;

/** Images of masters that fail, each with the step that fails in them. */
const faults = {
	'its kubelet': {
		step: '28-node-first',
		files: { '/usr/local/bin/kubelet': fails('this kubelet is broken') },
	},
	'a step after it has joined etcd': {
		step: '50-cluster',
		files: { '/usr/share/kstack/assemble/steps/50-cluster': fails('this step is broken') },
	},
} as const;

const images: string[] = [];
let lone: OwnCluster;

test.before(async () => {
	lone = await OwnCluster.named('lone');
	await lone.done('create lone --masters 1 --minions 1');
});

test.after.always(async (t) => {
	const message = await lone.end();
	if (message !== '') t.log(message);
	if (images.length > 0) await openstack('image', 'delete', ...images);
});

for (const [what, { step, files }] of Object.entries(faults)) {
	test.serial(
		`an upgrade whose new master fails in ${what} costs the API no request, nor does its rollback`,
		async (t) => {
			const image = await uploadChangedImage(`fails-${step}`, files);
			images.push(image);
			const before = await lone.servers();
			const api = await apiOf(lone.kubeconfig);
			const askApi = async () => {
				await api('GET', '/api/v1/namespaces/default');
			};
			const requests = await meanwhile(askApi, 200, async () => {
				for (const again of ['', 'again ']) {
					const { code, stderr } = await lone.kstack(`upgrade lone --image ${image} --yes`);
					t.is(code, 1, again + stderr);
					t.regex(stderr, new RegExp(`step ${step} failed`));
				}
				await lone.done('upgrade lone --rollback --yes');
			});
			t.log(`requests to the API meanwhile: ${summary(requests)}`);
			t.deepEqual(requests.failures, []);
			t.deepEqual(await lone.etcdMembers(), await lone.mastersAsEtcdMembers());
			t.deepEqual(await lone.servers(), before);
			t.deepEqual(Object.values(await lone.nodes()), [true, true]);
		},
	);
}
