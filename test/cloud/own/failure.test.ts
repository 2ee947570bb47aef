// Three clusters that come to nothing, at the same time: most of it is waiting.
import test from 'ava';
import { ask, attempt, openstack, withCluster } from '../cloud.ts';
import { uploadChangedImage } from '../image.ts';

/** An etcd that cannot run, and machines that do nothing at all where they are called silent. */
const faults = {
	'/usr/bin/etcd': '#!/bin/sh\necho the disk is on fire >&2\nexit 3\n',
	'/etc/systemd/system/kstack-assemble.service.d/silent.conf': '[Unit]\nConditionHost=!silent-*\n',
};

let image = '';

test.before(async () => {
	image = await uploadChangedImage('faults', faults);
});

test.after.always(() => openstack('image', 'delete', image));

interface Event {
	readonly resource_name: string;
	readonly resource_status: string;
	readonly event_time: string;
}

test('a master whose etcd is broken fails the stack, and kstack says which step and why', async (t) => {
	await withCluster('broken', async (kstack) => {
		const limit = 600;
		const { code, stderr } = await kstack(
			`create broken --minions 0 --image ${image} --boot-timeout ${limit}`,
		);
		t.is(code, 1);
		t.regex(stderr, /Creating broken failed \(CREATE_FAILED\)/);
		t.regex(stderr, /broken-master-0: step 30-etcd failed \(exit 1\)/);
		t.regex(stderr, /the disk is on fire/);
		t.regex(stderr, /kstack delete broken/);

		const events = await ask<Event[]>('stack', 'event', 'list', '--nested-depth', '3', 'broken');
		const failed = (resource: string) =>
			events.find((event) => event.resource_name === resource && event.resource_status === 'CREATE_FAILED');
		const moment = (resource: string) => Date.parse(failed(resource)?.event_time ?? '');
		// By Heat's clock: after the node's word nothing waits for the time limit of the boot.
		t.true(moment('broken') - moment('ready') < limit * 1000);
	});
});

test('a server that finds no host is told with what Nova says', async (t) => {
	const admin = (words: string) =>
		attempt('openstack', ['--os-cloud', 'devcloud-admin', ...words.split(' ')]);
	await admin('flavor create --ram 4194304 --vcpus 2 --disk 20 test.enormous');
	t.teardown(() => admin('flavor delete test.enormous'));
	await withCluster('homeless', async (kstack) => {
		const { code, stderr } = await kstack('create homeless --minions 0 --master-flavor test.enormous');
		t.is(code, 1);
		t.regex(stderr, /server: .*\n? *Nova reports: No valid host was found/);
	});
});

test('a master that says nothing is told with the end of its console', async (t) => {
	await withCluster('silent', async (kstack) => {
		const { code, stderr } = await kstack(`create silent --minions 0 --image ${image} --boot-timeout 90`);
		t.is(code, 1);
		t.regex(stderr, /certificates: .*Timed out|certificates: WaitConditionTimeout/);
		t.regex(stderr, /The end of its console log:[\s\S]*(cloud-init|silent-master-0 login:)/);
	});
});
