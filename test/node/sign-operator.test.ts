// kstack-sign-operator: which requests a master signs and which it refuses.
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { programText } from '../../src/cluster/heat/signing.ts';
import { node, openssl, step } from '../support/assembling.ts';
import { relocate } from '../support/node.ts';
import { output, runToEnd, tool } from '../support/processes.ts';

/** A master with a PKI, and its program. */
async function master() {
	const made = await node('master');
	await made.run(step('20-pki'));
	const sign = (operator: string, request: string) =>
		runToEnd('bash', [path.join(made.root, 'usr/local/sbin/kstack-sign-operator')], {
			env: { operator, request },
		});
	return { ...made, sign, ca: path.join(made.root, 'etc/kubernetes/pki/ca.crt') };
}

/** A request with this subject, as base64 of its PEM, and its public key. */
async function requestFor(root: string, subject: string) {
	const key = path.join(root, 'request.key');
	await openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', key);
	const more = ['-addext', 'extendedKeyUsage=serverAuth', '-addext', 'subjectAltName=DNS:kubernetes'];
	const pem = await openssl('req', '-new', '-sha256', '-key', key, '-subj', subject, ...more);
	return {
		request: Buffer.from(pem).toString('base64'),
		publicKey: await openssl('ec', '-in', key, '-pubout'),
	};
}

const shown = (pem: string, ...what: string[]) =>
	output(tool('openssl', 'openssl'), ['x509', '-noout', ...what], { input: pem });

test('a master signs the key of a request, but sets the subject and the usage itself', async (t) => {
	const { root, sign, ca, file } = await master();
	const { request, publicKey } = await requestFor(root, '/O=system:masters/CN=admin');
	const { code, stdout, stderr } = await sign('alice', request);
	t.is(code, 0, stderr);
	const [certificate = '', authority = '', ...more] = stdout.split(/(?<=-----END CERTIFICATE-----\n)/);
	t.deepEqual(more, []);
	t.is(authority, await file('etc/kubernetes/pki/ca.crt'));
	t.is(
		(await shown(certificate, '-subject', '-nameopt', 'RFC2253')).trim(),
		'subject=CN=alice,O=kstack:operators',
	);
	t.is(await shown(certificate, '-pubkey'), publicKey);
	t.notRegex(await shown(certificate, '-text'), /DNS:|TLS Web Server|CA:TRUE/);
	const signed = path.join(root, 'signed.crt');
	await writeFile(signed, certificate);
	await openssl('verify', '-purpose', 'sslclient', '-CAfile', ca, signed);
	await shown(certificate, '-checkend', String(364 * 86400));
	await t.throwsAsync(shown(certificate, '-checkend', String(366 * 86400)));
});

test('the program that kstack sends to an older image needs no file of this one', async (t) => {
	const { root, ca } = await master();
	await rm(path.join(root, 'usr'), { recursive: true });
	const text = await programText();
	t.true(text.startsWith('#!/bin/bash\n'));
	const sent = path.join(root, 'sent');
	await writeFile(sent, relocate(text, root));
	const { request } = await requestFor(root, '/CN=x');
	const { code, stdout, stderr } = await runToEnd('bash', [sent], { env: { operator: 'alice', request } });
	t.is(code, 0, stderr);
	const signed = path.join(root, 'signed.crt');
	await writeFile(signed, stdout);
	await openssl('verify', '-purpose', 'sslclient', '-CAfile', ca, signed);
});

test('a key that is too short, or on a curve that Kubernetes does not accept, is not signed', async (t) => {
	const { root, sign } = await master();
	const key = path.join(root, 'weak.key');
	const keys = [
		['genrsa', '-out', key, '1024'],
		['ecparam', '-name', 'secp256k1', '-genkey', '-noout', '-out', key],
		['ecparam', '-name', 'prime256v1', '-param_enc', 'explicit', '-genkey', '-noout', '-out', key],
		['genpkey', '-algorithm', 'ed448', '-out', key],
	];
	for (const args of keys) {
		await openssl(...args);
		const pem = await openssl('req', '-new', '-key', key, '-subj', '/O=kstack:operators/CN=alice');
		const { code, stdout, stderr } = await sign('alice', Buffer.from(pem).toString('base64'));
		t.is(code, 1, args.join(' '));
		t.is(stdout, '');
		t.regex(stderr, /RSA of 2048/);
	}
	await openssl('genrsa', '-out', key, '2048');
	const pem = await openssl('req', '-new', '-key', key, '-subj', '/CN=x');
	t.is((await sign('alice', Buffer.from(pem).toString('base64'))).code, 0);
});

test('each certificate has a serial number of its own', async (t) => {
	const { root, sign } = await master();
	const { request } = await requestFor(root, '/CN=x');
	const [one, other] = await Promise.all([sign('alice', request), sign('alice', request)]);
	t.not(await shown(one.stdout, '-serial'), await shown(other.stdout, '-serial'));
});

test('a user name that is more than letters, digits, dots and hyphens is refused', async (t) => {
	const { root, sign } = await master();
	const { request } = await requestFor(root, '/CN=x');
	for (const name of [
		'',
		'system:admin',
		'a b',
		'Alice',
		'a/O=system:masters',
		'-a',
		'a.',
		'a\nb',
		'x'.repeat(65),
	]) {
		const { code, stdout } = await sign(name, request);
		t.is(code, 1, name);
		t.is(stdout, '', name);
	}
});

test('a request that is invalid or not signed with its own key is refused', async (t) => {
	const { root, sign } = await master();
	const one = await requestFor(root, '/CN=one');
	const pem = Buffer.from(one.request, 'base64').toString();
	const bytes = Buffer.from(pem.replace(/-----.*-----|\n/g, ''), 'base64');
	bytes[bytes.length - 5] = (bytes[bytes.length - 5] as number) ^ 1;
	const tampered = `-----BEGIN CERTIFICATE REQUEST-----\n${bytes.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE REQUEST-----\n`;
	for (const request of [
		'',
		'!',
		Buffer.from('nothing').toString('base64'),
		Buffer.from(tampered).toString('base64'),
	]) {
		const { code, stdout, stderr } = await sign('alice', request);
		t.is(code, 1, request);
		t.is(stdout, '', request);
		t.regex(stderr, /certificate request/);
	}
});

test('a node without the key of the CA refuses every request', async (t) => {
	const { root, sign } = await master();
	const { request } = await requestFor(root, '/CN=x');
	await rm(path.join(root, 'etc/kubernetes/pki/ca.key'));
	const { code, stdout } = await sign('alice', request);
	t.is(code, 1);
	t.is(stdout, '');
});
