import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { UserError } from '../../base/errors.ts';
import { oneLine } from '../../base/sanitize.ts';
import type { AddonDefinition } from '../spec/addon.ts';
import type { Values } from '../spec/addon-values.ts';
import { callKubernetes, KubernetesApiError } from './api.ts';

/** The state of an addon, as the masters report it. */
export interface AddonStatus {
	readonly state: 'ready' | 'progressing' | 'failed' | 'disabled';
	readonly message: string;
	/** The revision of the request that this state belongs to. */
	readonly revision: string;
}

/** An addon that was enabled in the cluster. */
export interface ClusterAddon {
	readonly definition: AddonDefinition;
	readonly values: Values;
	readonly template: string;
	readonly enabled: boolean;
	readonly revision: string;
	/** Absent until a master has processed the request. */
	readonly status?: AddonStatus;
}

interface ApiObject {
	metadata: { name: string; labels?: Record<string, string>; annotations?: Record<string, string> };
	data?: Record<string, string>;
}

const namespace = '/api/v1/namespaces/kube-system';
const label = 'kstack.io/addon';
const secretName = (name: string) => `kstack-addon-${name}`;
const encoded = (data: string | Buffer) => Buffer.from(data).toString('base64');
const decoded = (data: string | undefined) => Buffer.from(data ?? '', 'base64');

async function get<Answer>(kubeconfig: string, path: string): Promise<Answer | undefined> {
	try {
		return JSON.parse(await callKubernetes(kubeconfig, 'GET', `${namespace}/${path}`)) as Answer;
	} catch (error) {
		if (error instanceof KubernetesApiError && error.status === 404) return undefined;
		throw error;
	}
}

/**
 * Checks that the masters apply addons.
 *
 * @throws UserError code `addons-unsupported`
 */
export async function requireAddons(kubeconfig: string): Promise<void> {
	if ((await get(kubeconfig, 'configmaps/kstack-addons')) !== undefined) return;
	throw new UserError('The masters of this cluster do not apply addons: their image is too old.', {
		code: 'addons-unsupported',
		hint: 'Upgrade the masters first: kstack upgrade --image IMAGE',
	});
}

/** The data of a status, with its message in one line: others than the masters may write it. */
const readStatus = (data: Readonly<Record<string, string>>) =>
	({ ...data, message: oneLine(data.message ?? '') }) as unknown as AddonStatus;

function readAddonObject(secret: ApiObject, status: ApiObject | undefined): ClusterAddon {
	const definition = JSON.parse(decoded(secret.data?.['addon.json']).toString()) as Partial<AddonDefinition>;
	const name = secret.metadata.labels?.[label] ?? '';
	const template = secret.data?.['template.yaml.gz'];
	return {
		definition: {
			...{ description: '', image: false, values: {}, needs: [], disable: 'allowed', warning: '' },
			...definition,
			name,
		},
		values: JSON.parse(decoded(secret.data?.['values.json']).toString()) as Values,
		template: template === undefined ? '' : gunzipSync(decoded(template)).toString(),
		enabled: secret.metadata.annotations?.['kstack.io/addon-desired'] !== 'absent',
		revision: secret.metadata.annotations?.['kstack.io/addon-revision'] ?? '',
		...(status?.data === undefined ? {} : { status: readStatus(status.data) }),
	};
}

/** The cluster's addons, by name. */
export async function clusterAddons(kubeconfig: string): Promise<ReadonlyMap<string, ClusterAddon>> {
	const list = async (kind: string) =>
		(await get<{ items: ApiObject[] }>(kubeconfig, `${kind}?labelSelector=${encodeURIComponent(label)}`))
			?.items ?? [];
	const [secrets, statuses] = await Promise.all([list('secrets'), list('configmaps')]);
	const addons = secrets.map((secret) =>
		readAddonObject(
			secret,
			statuses.find(({ metadata }) => metadata.name === secret.metadata.name),
		),
	);
	return new Map(addons.map((addon) => [addon.definition.name, addon]));
}

/** The current state of one addon. */
export async function addonStatus(kubeconfig: string, name: string): Promise<AddonStatus | undefined> {
	const data = (await get<ApiObject>(kubeconfig, `configmaps/${secretName(name)}`))?.data;
	return data === undefined ? undefined : readStatus(data);
}

/**
 * Requests that the masters apply an addon, or delete its objects.
 *
 * @returns the revision of the request, for its status
 */
export async function storeAddon(
	kubeconfig: string,
	{ definition, values, template, enabled }: Omit<ClusterAddon, 'revision' | 'status'>,
	manifest: string,
): Promise<string> {
	const desired = enabled ? 'present' : 'absent';
	// A request with the same content gets a new revision, so that a failed addon is retried at once.
	const seed = `${manifest}${desired}${Date.now()}`;
	const revision = createHash('sha256').update(seed).digest('hex').slice(0, 16);
	const name = secretName(definition.name);
	const secret = {
		apiVersion: 'v1',
		kind: 'Secret',
		type: 'kstack.io/addon',
		metadata: {
			name,
			namespace: 'kube-system',
			labels: { [label]: definition.name },
			annotations: { 'kstack.io/addon-desired': desired, 'kstack.io/addon-revision': revision },
		},
		data: {
			'addon.json': encoded(JSON.stringify(definition)),
			'values.json': encoded(JSON.stringify(values)),
			'template.yaml.gz': encoded(gzipSync(template)),
			'manifest.yaml.gz': encoded(gzipSync(manifest)),
		},
	};
	if ((await get(kubeconfig, `secrets/${name}`)) === undefined)
		await callKubernetes(kubeconfig, 'POST', `${namespace}/secrets`, secret);
	else await callKubernetes(kubeconfig, 'PATCH', `${namespace}/secrets/${name}`, secret);
	return revision;
}

/** Deletes the Secret and the ConfigMap of an addon, once its objects are deleted. */
export async function deleteAddonRecord(kubeconfig: string, name: string): Promise<void> {
	for (const kind of ['secrets', 'configmaps'])
		await callKubernetes(kubeconfig, 'DELETE', `${namespace}/${kind}/${secretName(name)}`);
}
