import path from 'node:path';
import { packageRoot } from '../../src/package.ts';
import { python } from './python.ts';

/** A template for Heat to judge, and what it is given. */
export interface Candidate {
	readonly template: string;
	readonly environments?: readonly string[];
	readonly parameters?: Readonly<Record<string, unknown>>;
}

/** What Heat said: why not, or the parameters as its API shows them. */
export interface Verdict {
	readonly error: string | null;
	readonly shown: Readonly<Record<string, string>>;
}

/** Heat's verdicts, in order; asking for many at once starts its engine once. */
export function judgeByHeat(candidates: readonly Candidate[]): Promise<Verdict[]> {
	return python([path.join(packageRoot, 'test/support/heat-validate.py')], candidates);
}

/** Values with which a member's template is checked by itself; a role takes those it declares. */
export const memberParameters: Readonly<Record<string, unknown>> = {
	name: 'demo-member-0',
	index: '0',
	generation: '1',
	image: 'image',
	flavor: 'flavor',
	availability_zone: '',
	key_name: '',
	boot_timeout: 1200,
	drain_timeout: 300,
	drain_force: false,
	leave_script: 'leave-script',
	server_group: 'group',
	network: 'network',
	subnet: 'subnet',
	security_groups: ['security-group'],
	pod_cidr: '10.244.0.0/16',
	api_address: '10.0.0.5',
	join_token: 'abcdef.0123456789abcdef',
	master_token: 'abcdef.0123456789abcdef',
	api_public_address: '192.0.2.5',
	gateway_address: '10.0.0.6',
	gateway_public_address: '192.0.2.6',
	cluster_state: 'new',
	operator_request: 'LS0t',
	certificates_endpoint: 'http://192.0.2.1/signal',
	certificates_token: 'token',
	certificates: '{"ca": "LS0t", "operator": "LS0t"}',
};
