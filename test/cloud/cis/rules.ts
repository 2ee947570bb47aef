import { apiServer, configuration, etcd, managers, masterFiles } from './masters.ts';
import { nodeRules } from './nodes.ts';
import { policies } from './policies.ts';
import type { Rule } from './rule.ts';

/** Every rule of the CIS Kubernetes Benchmark 1.12, in its order. */
export const rules: readonly Rule[] = [
	...masterFiles,
	...apiServer,
	...managers,
	...etcd,
	...configuration,
	...nodeRules,
	...policies,
];
