import path from 'node:path';
import { eventually, root } from './cloud.ts';
import type { OwnCluster } from './own-cluster.ts';

/** Fails unless pods run on three minions and one of them reaches the others by the name of their Service. */
export async function verifyTraffic(cluster: OwnCluster): Promise<void> {
	await cluster.kubectl('apply', '-f', path.join(root, 'test/fixtures/web.yaml'));
	await cluster.kubectl('wait', '--for=condition=Available', '--timeout=120s', 'deployment/web');
	await cluster.kubectl('wait', '--for=condition=Ready', '--timeout=120s', 'pod/asker');
	await eventually(60, () =>
		cluster.kubectl('exec', 'asker', '--', ...'timeout 5 wget -q -O /dev/null http://web/large'.split(' ')),
	);
	await cluster.kubectl('logs', 'asker');
}
