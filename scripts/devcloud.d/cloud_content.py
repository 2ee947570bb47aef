#!/usr/bin/python3
"""Content of the development cloud: cloud_content.py NET ETC FAKES

Creates flavors, the external network and availability zones, and waits for the computes and the network agents.
Can be run again. NET is the first three numbers of the cloud's network.
"""
import subprocess
import sys
import time

import openstack

NET, ETC, FAKES = sys.argv[1], sys.argv[2], int(sys.argv[3])
TIMEOUT = 120  # seconds
FLAVORS = {  # vCPUs, MB of memory, GB of disk
    'k8s.master': (2, 3072, 20),
    'k8s.minion': (2, 2048, 20),
    'k8s.gateway': (1, 1024, 10),
    'k8s.small': (1, 768, 5),
    'm1.tiny': (1, 512, 5),
}

cloud = openstack.connect()
until = time.time() + TIMEOUT


def wait(what, ready):
    while not ready():
        if time.time() > until:
            sys.exit(f'timed out waiting for {what} ({TIMEOUT} s)')
        time.sleep(0.5)


def make_flavors():
    for name, (vcpus, ram, disk) in FLAVORS.items():
        if not cloud.compute.find_flavor(name):
            cloud.compute.create_flavor(name=name, vcpus=vcpus, ram=ram, disk=disk)


def make_public_network():
    if cloud.network.find_network('public'):
        return
    network = cloud.network.create_network(name='public', is_router_external=True, provider_network_type='flat',
                                           provider_physical_network='public')
    cloud.network.create_subnet(network_id=network.id, name='public', ip_version=4, cidr=f'{NET}.0/24',
                                gateway_ip=f'{NET}.1', is_dhcp_enabled=False,
                                allocation_pools=[{'start': f'{NET}.10', 'end': f'{NET}.200'}])


def computes_ready():
    hosts = {'real1', *(f'fake{n + 1}' for n in range(FAKES))}
    alive = {s.host for s in cloud.compute.services(binary='nova-compute') if s.state == 'up'}
    known = {h.name for h in cloud.compute.hypervisors()}
    if hosts <= known:
        return hosts <= alive
    if hosts <= alive:
        # The scheduler itself discovers new computes only once a minute.
        subprocess.run(['nova-manage', '--config-file', f'{ETC}/common.conf', '--config-file', f'{ETC}/nova.conf',
                        '--config-file', f'{ETC}/nova-db.conf', 'cell_v2', 'discover_hosts'], check=True)
    return False


def agents_ready():
    alive = {a.binary for a in cloud.network.agents(host='real1') if a.is_alive}
    return {'neutron-linuxbridge-agent', 'neutron-dhcp-agent', 'neutron-l3-agent', 'neutron-metadata-agent'} <= alive


def make_zones():
    """Zone "nova", the default, has the real compute; zone "fake" has all others."""
    aggregates = {a.name: a for a in cloud.compute.aggregates()}
    for zone, prefix in (('nova', 'real'), ('fake', 'fake')):
        aggregate = aggregates.get(zone) or cloud.compute.create_aggregate(name=zone, availability_zone=zone)
        for service in cloud.compute.services(binary='nova-compute'):
            if service.host.startswith(prefix) and service.host not in (aggregate.hosts or []):
                cloud.compute.add_host_to_aggregate(aggregate, service.host)


make_flavors()
make_public_network()
wait('computes', computes_ready)
make_zones()
wait('network agents', agents_ready)
