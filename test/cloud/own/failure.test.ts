// Three clusters whose creation fails, in parallel, since most of the time is spent waiting.
import test from 'ava';
import { ask, attempt, openstack, withCluster } from '../cloud.ts';
import { uploadChangedImage } from '../image.ts';

/** An etcd that fails, and a unit that does not assemble nodes whose name starts with "silent". */
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

test('a master whose etcd fails makes the stack fail, and kstack prints the step and the reason', async (t) => {
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
		// By Heat's clock: after the signal of the node, the stack fails before the boot timeout.
		t.true(moment('broken') - moment('ready') < limit * 1000);
	});
});

test('if Nova finds no host for a server, kstack prints the message of Nova', async (t) => {
	const admin = (commandLine: string) =>
		attempt('openstack', ['--os-cloud', 'devcloud-admin', ...commandLine.split(' ')]);
	await admin('flavor create --ram 4194304 --vcpus 2 --disk 20 test.enormous');
	t.teardown(() => admin('flavor delete test.enormous'));
	await withCluster('homeless', async (kstack) => {
		const { code, stderr } = await kstack('create homeless --minions 0 --master-flavor test.enormous');
		t.is(code, 1);
		t.regex(stderr, /server: .*\n? *Nova reports: No valid host was found/);
	});
});

test('for a master that sends no signal, kstack prints the end of its console log', async (t) => {
	await withCluster('silent', async (kstack) => {
		const { code, stderr } = await kstack(`create silent --minions 0 --image ${image} --boot-timeout 90`);
		t.is(code, 1);
		t.regex(stderr, /certificates: .*Timed out|certificates: WaitConditionTimeout/);
		t.regex(stderr, /The end of its console log:[\s\S]*(cloud-init|silent-master-0 login:)/);
	});
});
