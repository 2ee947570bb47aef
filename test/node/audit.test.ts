// Which requests the audit policy of the API server logs.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { load } from 'js-yaml';
import { packageRoot } from '../../src/base/package.ts';

interface Rule {
	readonly level: string;
	readonly verbs?: readonly string[];
	readonly userGroups?: readonly string[];
	readonly resources?: readonly { readonly group: string; readonly resources?: readonly string[] }[];
	readonly nonResourceURLs?: readonly string[];
}

interface Request {
	readonly verb: string;
	readonly groups?: readonly string[];
	/** API group and resource, such as `/secrets` or `apps/deployments`; or the path of a request for no resource. */
	readonly resource?: string;
	readonly url?: string;
}

const file = path.join(packageRoot, 'elements/kubernetes-services/static/usr/share/kstack/audit-policy.yaml');
const { rules } = load(await readFile(file, 'utf8')) as { readonly rules: readonly Rule[] };

const none = (list: readonly unknown[] | undefined) => list === undefined || list.length === 0;

function matches(rule: Rule, { verb, groups = [], resource, url }: Request): boolean {
	if (!none(rule.verbs) && rule.verbs?.includes(verb) !== true) return false;
	if (!none(rule.userGroups) && !groups.some((group) => rule.userGroups?.includes(group))) return false;
	if (none(rule.resources) && none(rule.nonResourceURLs)) return true;
	if (url !== undefined)
		return (rule.nonResourceURLs ?? []).some((one) =>
			one.endsWith('*') ? url.startsWith(one.slice(0, -1)) : url === one,
		);
	return (rule.resources ?? []).some(({ group, resources = [] }) =>
		resources.some((one) => `${group}/${one}` === resource),
	);
}

/** As the API server decides: the first rule that matches. */
const levelOf = (request: Request) => rules.find((rule) => matches(rule, request))?.level ?? 'None';

const nodes = ['system:nodes', 'system:authenticated'];
const controllers = ['system:serviceaccounts', 'system:serviceaccounts:kube-system', 'system:authenticated'];
const masters = ['system:masters', 'system:authenticated'];
const tenant = ['system:authenticated'];

test('reads of Secrets are logged, whoever reads', (t) => {
	for (const groups of [nodes, controllers, masters, tenant])
		for (const verb of ['get', 'list', 'watch'])
			t.is(levelOf({ verb, groups, resource: '/secrets' }), 'Metadata', `${verb} by ${groups[0]}`);
});

test('requests for tokens, and entries into pods and nodes, are logged, whoever makes them', (t) => {
	for (const groups of [nodes, controllers, masters, tenant]) {
		for (const resource of ['/serviceaccounts/token', 'authentication.k8s.io/tokenreviews'])
			t.is(levelOf({ verb: 'create', groups, resource }), 'Metadata', resource);
		for (const resource of ['/pods/exec', '/pods/attach', '/pods/portforward', '/nodes/proxy'])
			for (const verb of ['get', 'create']) t.is(levelOf({ verb, groups, resource }), 'Metadata', resource);
	}
});

test('frequent requests of the components are not logged', (t) => {
	for (const groups of [nodes, controllers, masters])
		t.is(levelOf({ verb: 'watch', groups, resource: '/pods' }), 'None');
	t.is(levelOf({ verb: 'update', groups: nodes, resource: 'coordination.k8s.io/leases' }), 'None');
	for (const url of ['/healthz', '/livez?exclude=etcd', '/readyz/etcd', '/version'])
		t.is(levelOf({ verb: 'get', url }), 'None', url);
});

test('all other requests are logged, and none with the content of objects', (t) => {
	t.is(levelOf({ verb: 'get', groups: tenant, resource: '/pods' }), 'Metadata');
	t.is(levelOf({ verb: 'patch', groups: nodes, resource: '/nodes' }), 'Metadata');
	t.is(levelOf({ verb: 'get', groups: tenant, url: '/metrics' }), 'Metadata');
	for (const { level } of rules) t.true(['None', 'Metadata'].includes(level));
});

test('the log of a master is bounded', async (t) => {
	const unit = path.join(
		packageRoot,
		'elements/kubernetes-services/static/etc/systemd/system/kube-apiserver.service',
	);
	const text = await readFile(unit, 'utf8');
	const [files = 0, megabytes = 0] = ['maxbackup', 'maxsize'].map((what) =>
		Number(new RegExp(`--audit-log-${what}=(\\d+)`).exec(text)?.[1] ?? 0),
	);
	t.true(files > 0 && megabytes > 0 && (files + 1) * megabytes <= 1500);
});
