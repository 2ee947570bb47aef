// A dry run of a change of an addon, in either order of the arguments.
import test from 'ava';
import { on } from '../support/kstack-on-cloud.ts';
import { fakeKubernetes } from '../support/kubernetes.ts';
import { changing, withKubernetes } from '../support/leaving.ts';

const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64');
const namespace = '/api/v1/namespaces/kube-system';
const label = '?labelSelector=kstack.io%2Faddon';

/** The record of an enabled addon whose removal asks for confirmation. */
const dns = {
	metadata: { name: 'kstack-addon-dns', labels: { 'kstack.io/addon': 'dns' }, annotations: {} },
	data: {
		'addon.json': base64({ name: 'dns', image: true, disable: 'confirm', warning: 'Pods need it.' }),
		'values.json': base64({}),
	},
};

for (const [args, title] of [
	[['enable', 'demo', 'default-limits'], 'Requesting that the cluster enables default-limits'],
	[['enable', 'default-limits', 'demo'], 'Requesting that the cluster enables default-limits'],
	[['disable', 'demo', 'dns'], 'Requesting that the cluster disables dns'],
	[['disable', 'dns', 'demo'], 'Requesting that the cluster disables dns'],
] as const)
	test(`addon ${args.join(' ')} --dry-run prints the steps, asks nothing and changes nothing`, async (t) => {
		const kubernetes = await fakeKubernetes({
			[`GET ${namespace}/configmaps/kstack-addons`]: [200, {}],
			[`GET ${namespace}/secrets${label}`]: [200, { items: [dns] }],
			[`GET ${namespace}/configmaps${label}`]: [200, { items: [] }],
		});
		t.teardown(kubernetes.close);
		const { folder, stages } = await withKubernetes(kubernetes);
		const { code, stdout, stderr } = await on(stages(3), ['addon', ...args, '--dry-run'], { cwd: folder });
		t.is(code, 0, stderr);
		t.regex(stdout, new RegExp(`^Steps .*\\n +1\\. ${title}\\n +2\\. Waiting until`));
		t.deepEqual(changing(kubernetes), []);
	});
