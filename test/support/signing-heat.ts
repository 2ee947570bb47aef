// A fake Heat that runs the deployment of heat/operator-certificate.yaml on a master, a folder of this machine.
import path from 'node:path';
import { node, openssl, step } from './assembling.ts';

const answering = (program: string, state: string) => `#!/bin/bash
set -euo pipefail
state=${state}
name=\${*: -1}
value() { # NAME, of the parameters of "stack create"
    local word
    for word in "\${words[@]}"; do
        case $word in
            "$1=file://"*) cat "\${word#*=file://}" ;;
            "$1="*) printf '%s' "\${word#*=}" ;;
        esac
    done
}
words=("$@")
case "$1 $2 $*" in
    'stack create '*operator-certificate.yaml*)
        server=$(value server)
        status=CREATE_COMPLETE
        sed -n 2p <<<"$(value script)" >>"$state/scripts"
        # An image that is older than the program does not have it.
        if [ -e "$state/old" ] && [[ $(value script) = *'exec /usr/local/sbin/'* ]]; then status=CREATE_FAILED; fi
        operator=$(value operator) request=$(value request) bash ${program} >"$state/pem" || status=CREATE_FAILED
        jq -n --rawfile pem "$state/pem" --arg name "$name" --arg status "$status" --arg server "$server" '{
            id: $name, stack_name: $name, stack_status: $status, stack_status_reason: "by \\($server)",
            outputs: [{output_key: "certificates", output_value: $pem}]}' >"$state/$name.json"
        echo '{"id": "helper"}'
        ;;
    "stack show stack show $3"*) cat "$state/$3.json" 2>/dev/null ;;
    'stack delete '*-operator-*) rm "$state/$name.json" ;;
    *) exit 1 ;;
esac
`;

/** A master that signs, and the fake client's program for it. */
export async function signingHeat() {
	const { root, run } = await node('master');
	const made = await run(step('20-pki'));
	if (made.code !== 0) throw new Error(made.stderr);
	const state = path.join(root, 'stacks');
	await openssl('version'); // these tests need it
	const ca = path.join(root, 'etc/kubernetes/pki/ca');
	/** A client certificate for this number of days, and its key's file. */
	const certificate = async (days: number) => {
		const [key, file] = [path.join(root, `${days}.key`), path.join(root, `${days}.crt`)];
		await openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', key);
		const request = path.join(root, `${days}.csr`);
		await openssl('req', '-new', '-key', key, '-subj', '/O=kstack:operators/CN=bob', '-out', request);
		const by = ['-CA', `${ca}.crt`, '-CAkey', `${ca}.key`, '-CAcreateserial'];
		await openssl('x509', '-req', '-in', request, ...by, '-days', String(days), '-out', file);
		return { key, file };
	};
	return {
		state,
		ca: `${ca}.crt`,
		certificate,
		answering: answering(path.join(root, 'usr/local/sbin/kstack-sign-operator'), state),
	};
}
