import { type Json, list, ownProject, show } from '../../openstack/client.ts';

/** Whether a port is an interface of a router, which may be distributed or highly available. */
const isInterface = ({ 'Device Owner': owner }: Json) =>
	/^network:(router_interface|ha_router_replicated_interface)/.test(String(owner));

/** The IDs of the external networks to which routers connect a subnet. */
async function reachable(subnet: Json): Promise<Set<string>> {
	const ports = await list(['port'], '--long', '--fixed-ip', `subnet=${subnet.id}`);
	const routers = await Promise.all(
		ports.filter(isInterface).map(async ({ ID }) => {
			const port = await show(['port'], String(ID));
			return port && show(['router'], String(port.device_id));
		}),
	);
	return new Set(
		routers.map((router) => String((router?.external_gateway_info as Json | null)?.network_id ?? '')),
	);
}

/**
 * Why floating IPs of an external network cannot be used on an existing subnet, a sentence each. Empty for a subnet of
 * another project, whose routers are not visible.
 */
export async function mistakesInRouter(subnet: Json, external: Json): Promise<string[]> {
	if (subnet.project_id === undefined || subnet.project_id !== (await ownProject())) return [];
	if ((await reachable(subnet)).has(String(external.ID))) return [];
	return [
		`No router connects the subnet "${subnet.name}" with the external network "${external.Name}", so it cannot have floating IPs: connect them (openstack router set --external-gateway, openstack router add subnet), or set --api-floating-ip false and --gateway-floating-ip false.`,
	];
}
