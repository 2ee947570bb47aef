import { type JsonSchema, matching } from '../../base/forms.ts';
import { type Fields, fileSchema, orNull } from '../../base/schema.ts';
import { poolsForm } from './pool-entries.ts';
import { packagedRoles, type Roles } from './roles.ts';
import { formOf } from './setting-forms.ts';
import { settings } from './settings.ts';

/** The name of a cluster, which is part of host names. */
export const nameForm = matching(
	/^(?=.{1,40}$)[a-z]([a-z0-9-]*[a-z0-9])?$/,
	'at most 40 characters of a-z, 0-9 and -, beginning with a letter and not ending with -',
);

/** The keys of cluster.yaml. */
export const clusterFields = (roles: Roles = packagedRoles): Fields => ({
	name: { describe: 'Name of the cluster', form: orNull(nameForm) },
	...Object.fromEntries(
		settings.map((setting) => [
			setting.key,
			{ describe: setting.describe, form: orNull(formOf(setting)), default: setting.default },
		]),
	),
	pools: { describe: 'Additional pools of minions or gateways', form: orNull(poolsForm(roles)) },
});

/** The JSON Schema of cluster.yaml, with these roles for pools. */
export const clusterSchema = (roles: Roles = packagedRoles): JsonSchema =>
	fileSchema(
		'kstack cluster',
		'A Kubernetes cluster on OpenStack, as `kstack create` and `kstack update` read it.',
		clusterFields(roles),
	);
