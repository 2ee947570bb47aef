import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { packageRoot } from '../../src/base/package.ts';
import { python } from './python.ts';

/** A template for validation by Heat, with its parameters and files. */
export interface Candidate {
	readonly template: string;
	readonly environments?: readonly string[];
	readonly parameters?: Readonly<Record<string, unknown>>;
}

/** The result: an error, or the parameters as Heat's API shows them. */
export interface Verdict {
	readonly error: string | null;
	readonly shown: Readonly<Record<string, string>>;
}

let asked: Candidate[] = [];
let answer: Promise<Verdict[]> | undefined;

/**
 * Heat's verdicts, in order. Its engine takes seconds to start: what the tests of a file ask for in the same
 * half second is judged by one.
 */
export async function judgeByHeat(candidates: readonly Candidate[]): Promise<Verdict[]> {
	const first = asked.push(...candidates) - candidates.length;
	answer ??= setTimeout(500).then(() => {
		const all = asked;
		asked = [];
		answer = undefined;
		return python([path.join(packageRoot, 'test/support/heat-validate.py')], all);
	});
	return (await answer).slice(first, first + candidates.length);
}

/** Values for the validation of a member's template; a role uses those that it declares. */
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
