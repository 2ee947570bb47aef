import { interrupted } from '../../base/interrupt.ts';
import { type Json, json, list, ownProject } from '../../openstack/client.ts';
import type { Resource } from './evaluate.ts';

/** How many security groups and rules. */
export interface SecurityGroupCounts {
	readonly groups: number;
	readonly rules: number;
}

/** Neutron itself gives each group two rules, for what its ports send. */
const rulesOfNeutron = 2;

/** The security groups and rules among resources. */
export function countSecurityGroups(resources: readonly Resource[]): SecurityGroupCounts {
	const ofType = (type: string) => resources.filter((one) => one.type === `OS::Neutron::${type}`);
	const groups = ofType('SecurityGroup');
	const inGroups = groups.map(({ properties }) =>
		Array.isArray(properties.rules) ? properties.rules.length : 0,
	);
	return {
		groups: groups.length,
		rules: inGroups.reduce((sum, rules) => sum + rules + rulesOfNeutron, ofType('SecurityGroupRule').length),
	};
}

/** The quotas of the project by name. Since 6.1, the client prints a list of them. */
async function quotas(): Promise<ReadonlyMap<string, number>> {
	const shown = await json<Json | Json[]>(['quota', 'show']);
	const entries = Array.isArray(shown)
		? shown.map(({ Resource: name, Limit: limit }): [string, unknown] => [String(name), limit])
		: Object.entries(shown);
	return new Map(
		entries.flatMap(([name, limit]) => (typeof limit === 'number' ? [[name, limit] as const] : [])),
	);
}

/** The security groups and rules that the project has; an administrator sees those of all projects. */
async function present(): Promise<SecurityGroupCounts> {
	const project = await ownProject();
	const groups = (await list(['security', 'group'])).filter((group) => group.Project === project);
	const ids = new Set(groups.map(({ ID }) => ID));
	const rules = await list(['security', 'group', 'rule']);
	return { groups: groups.length, rules: rules.filter((rule) => ids.has(rule['Security Group'])).length };
}

/**
 * Whether the quotas of the project allow more security groups and rules: Heat would fail in the middle of its work. The
 * quotas of a cloud that does not show them are not checked.
 *
 * @returns a sentence for each quota that is too low
 */
export async function mistakesInQuota(name: string, more: SecurityGroupCounts): Promise<string[]> {
	if (more.groups === 0 && more.rules === 0) return [];
	try {
		const [limits, now] = [await quotas(), await present()];
		return [
			{ what: 'security groups', quota: 'secgroups', has: now.groups, needs: more.groups },
			{ what: 'security group rules', quota: 'secgroup-rules', has: now.rules, needs: more.rules },
		].flatMap(({ what, quota, has, needs }) => {
			const limit = limits.get(quota) ?? -1;
			if (needs === 0 || limit < 0 || has + needs <= limit) return [];
			return [
				`${name} needs ${needs} more ${what}; the project has ${has}, and its quota is ${limit}: an administrator of the cloud can raise it (openstack quota set --${quota} ${has + needs} PROJECT).`,
			];
		});
	} catch {
		interrupted.signal.throwIfAborted();
		return [];
	}
}
