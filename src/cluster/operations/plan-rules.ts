import type { Resource } from '../heat/evaluate.ts';
import type { Action } from './plan-compare.ts';

/** The display name of a resource type, and the properties that Heat updates in place. */
interface Rule {
	readonly kind: string;
	/** Whether deleting it loses pods, data or an address. */
	readonly stateful?: boolean;
	readonly inPlace: readonly string[];
}

/** From the property schemas of Heat's plugins; a change of any other property replaces the resource. */
const rules: Readonly<Record<string, Rule>> = {
	'OS::Nova::Server': {
		kind: 'server',
		stateful: true,
		inPlace: [
			...['name', 'metadata', 'networks', 'tags', 'admin_pass', 'software_config_transport'],
			...['deployment_swift_data', 'flavor', 'image', 'user_data'],
			...['flavor_update_policy', 'image_update_policy', 'user_data_update_policy'],
		],
	},
	'OS::Cinder::Volume': {
		kind: 'volume',
		stateful: true,
		inPlace: ['size', 'backup_id', 'name', 'description', 'volume_type', 'metadata', 'read_only'],
	},
	'OS::Cinder::VolumeAttachment': {
		kind: 'volume attachment',
		inPlace: ['instance_uuid', 'volume_id', 'mountpoint'],
	},
	'OS::Neutron::FloatingIP': {
		kind: 'floating IP',
		stateful: true,
		inPlace: ['port_id', 'fixed_ip_address', 'dns_name', 'dns_domain'],
	},
	'OS::Neutron::FloatingIPAssociation': {
		kind: 'floating IP association',
		inPlace: ['floatingip_id', 'port_id', 'fixed_ip_address'],
	},
	'OS::Neutron::Port': {
		kind: 'port',
		stateful: true,
		inPlace: [
			...['name', 'device_id', 'device_owner', 'fixed_ips', 'security_groups', 'replacement_policy'],
			...['dns_name', 'tags', 'value_specs', 'admin_state_up', 'allowed_address_pairs', 'binding:vnic_type'],
			...['port_security_enabled', 'qos_policy', 'propagate_uplink_status', 'no_fixed_ips'],
		],
	},
	'OS::Neutron::Net': {
		kind: 'network',
		stateful: true,
		inPlace: [
			...['name', 'value_specs', 'admin_state_up', 'shared', 'dhcp_agent_ids', 'port_security_enabled'],
			...['qos_policy', 'dns_domain', 'tags'],
		],
	},
	'OS::Neutron::Subnet': {
		kind: 'subnet',
		stateful: true,
		inPlace: [
			...['value_specs', 'name', 'dns_nameservers', 'gateway_ip', 'enable_dhcp', 'allocation_pools'],
			...['host_routes', 'segment', 'tags'],
		],
	},
	'OS::Neutron::Router': {
		kind: 'router',
		stateful: true,
		inPlace: [
			...['name', 'external_gateway_info', 'value_specs', 'admin_state_up', 'l3_agent_id', 'l3_agent_ids'],
			...['availability_zone_hints', 'tags'],
		],
	},
	'OS::Neutron::RouterInterface': { kind: 'router interface', inPlace: [] },
	'OS::Neutron::SecurityGroup': { kind: 'security group', inPlace: ['name', 'description', 'rules'] },
	'OS::Neutron::SecurityGroupRule': { kind: 'security group rule', inPlace: [] },
	'OS::Nova::ServerGroup': { kind: 'server group', inPlace: [] },
	'OS::Heat::WaitCondition': { kind: 'wait condition', inPlace: ['count'] },
	'OS::Heat::WaitConditionHandle': { kind: 'wait condition handle', inPlace: [] },
	'OS::Heat::SoftwareConfig': { kind: 'software config', inPlace: [] },
	'OS::Heat::SoftwareDeployment': {
		kind: 'software deployment',
		inPlace: ['config', 'input_values', 'actions', 'name'],
	},
};

/** The display name of a resource, and whether it is stateful; unknown types are treated as stateful. */
export function kindOf(resource: Resource): { kind: string; stateful: boolean } {
	const rule = rules[resource.type];
	return { kind: rule?.kind ?? resource.type, stateful: rule === undefined || rule.stateful === true };
}

/** The action for a server whose changed properties Heat can update in place: its update policies decide. */
function serverAction({ properties }: Resource, changed: readonly string[]): Action {
	const policy = (name: string, standard: string) => String(properties[`${name}_update_policy`] ?? standard);
	const policies = [
		...(changed.includes('flavor') ? [policy('flavor', 'RESIZE')] : []),
		...(changed.includes('image') ? [policy('image', 'REBUILD')] : []),
		...(changed.includes('user_data') ? [policy('user_data', 'REPLACE')] : []),
	];
	if (policies.includes('REPLACE')) return 'replace';
	return policies.some((one) => one.startsWith('REBUILD')) ? 'rebuild' : 'update';
}

/** Describes the changed properties. With policy IGNORE, changed user-data does not affect existing servers. */
function describeProperties(resource: Resource, changed: readonly string[]): string {
	const kept = resource.properties.user_data_update_policy === 'IGNORE';
	return changed
		.map((name) => (name === 'user_data' && kept ? 'user_data (for new members)' : name))
		.join(', ');
}

/**
 * What Heat does with a resource, and why; `undefined` if it does not change.
 *
 * @param changed  the properties that differ
 * @param failed   its state if it failed earlier, so that Heat replaces it
 */
export function verdictOf(
	before: Resource | undefined,
	after: Resource | undefined,
	changed: readonly string[],
	failed: string | undefined,
): { action: Action; why: string } | undefined {
	if (after === undefined) return { action: 'delete', why: 'no longer in the templates' };
	if (before === undefined) return { action: 'add', why: 'new' };
	if (before.type !== after.type) return { action: 'replace', why: `was ${before.type}` };
	if (failed !== undefined) return { action: 'replace', why: `it is ${failed}` };
	if (changed.length === 0) return undefined;
	const inPlace = rules[after.type]?.inPlace ?? [];
	const fixed = changed.filter((name) => !inPlace.includes(name));
	if (fixed.length > 0)
		return { action: 'replace', why: `${describeProperties(after, fixed)} cannot be updated` };
	const action = after.type === 'OS::Nova::Server' ? serverAction(after, changed) : 'update';
	return { action, why: describeProperties(after, changed) };
}
