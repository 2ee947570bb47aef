#!/usr/bin/python3
"""Users, roles and catalog of the development cloud: keystone_content.py ADDRESS

In one process, since each call of the openstack command takes 1.5 s. Passwords are in the environment. Can be repeated.
"""
import os
import sys

import openstack

ADDRESS = sys.argv[1]
SERVICES = {
    'image': ('glance', f'http://{ADDRESS}:9292'),
    'placement': ('placement', f'http://{ADDRESS}:8778'),
    'compute': ('nova', f'http://{ADDRESS}:8774/v2.1'),
    'network': ('neutron', f'http://{ADDRESS}:9696'),
    'orchestration': ('heat', f'http://{ADDRESS}:8004/v1/%(tenant_id)s'),
}

identity = openstack.connect().identity


def role(name):
    return identity.find_role(name) or identity.create_role(name=name)


def project(name):
    return identity.find_project(name) or identity.create_project(name=name, domain_id='default')


def user(name, password, domain='default'):
    for found in identity.users(name=name, domain_id=domain):
        return found
    return identity.create_user(name=name, password=password, domain_id=domain)


admin, member, service = role('admin'), role('member'), role('service')
role('heat_stack_user')

# One user for all services. Neutron accepts Nova's requests only if that user has the role "service".
user_service = user('service', os.environ['SERVICE_PASSWORD'])
for granted in admin, service:
    identity.assign_project_role_to_user(project('service'), user_service, granted)

# The tenant has the role "member" in one project.
identity.assign_project_role_to_user(project('demo'), user('demo', os.environ['DEMO_PASSWORD']), member)

# Heat creates a user in this domain for every server, wait handle and deployment that signals.
heat = identity.find_domain('heat') or identity.create_domain(name='heat')
identity.assign_domain_role_to_user(heat, user('heat_domain_admin', os.environ['HEAT_DOMAIN_PASSWORD'], heat.id), admin)

for kind, (name, url) in SERVICES.items():
    entry = next(identity.services(type=kind), None) or identity.create_service(name=name, type=kind)
    for interface in 'public', 'internal', 'admin':
        if not list(identity.endpoints(service_id=entry.id, interface=interface)):
            identity.create_endpoint(service_id=entry.id, interface=interface, url=url, region_id='RegionOne')
