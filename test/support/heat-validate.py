#!/usr/bin/python3
"""Heat's own engine as a judge of templates, without a cloud: no Keystone, no RPC, no network.

Standard input: a JSON list of {"template": path, "environments": [paths], "parameters": {}}.
Standard output: a JSON list of {"error": text or null, "shown": {}}; `shown` are the stack's parameters
as Heat's API shows them, which is text whatever their type.

Heat does not check the values inside of nested templates when it checks their parent: give it each
template by itself too. It cannot know whether an image, flavor or network exists; any name passes.
"""
import json
import logging
import os
import sys
import types
import warnings
from unittest import mock

warnings.simplefilter('ignore')
logging.disable(logging.CRITICAL)

try:
    import eventlet

    eventlet.monkey_patch(os=False)

    from heat.common import config  # noqa: F401 (defines the options set below)
    from heat.common import context, messaging, template_format
    from heat.db.sqlalchemy import api as database
    from heat.db.sqlalchemy import models
    from heat.engine import constraints, environment, resource, resources, service  # noqa: F401
    from heat.engine import stack as stacks
    from heat.engine import template as templates
    from heat.engine.clients import client_plugin
    from heat.engine.clients.os import glance, neutron, nova
    from heatclient.common import template_utils
    from oslo_config import cfg
    from oslo_db import options  # noqa: F401
except ImportError as missing:
    sys.exit(f'{missing}: apt-get install python3-heat python3-heatclient')

# Constraints that need no cloud; every other one would ask it.
OFFLINE = {
    'cron_expression', 'dns_domain', 'dns_name', 'expiration', 'ip_addr', 'ip_or_cidr', 'iso_8601',
    'mac_addr', 'net_cidr', 'rel_dns_name', 'timezone',
}


def start():
    """Heat's engine with a database in memory and a cloud that has whatever is asked for."""
    cfg.CONF([], project='heat', default_config_files=[], default_config_dirs=[])
    cfg.CONF.set_override('connection', 'sqlite://', group='database')
    cfg.CONF.set_override('auth_encryption_key', '0' * 32)
    cfg.CONF.set_override('max_resources_per_stack', -1)
    models.BASE.metadata.create_all(database.get_engine())
    messaging.setup('fake://', optional=True)
    resources.initialise()

    ask = constraints.CustomConstraint._is_valid
    constraints.CustomConstraint._is_valid = lambda self, *args: self.name not in OFFLINE or ask(self, *args)
    resource.Resource.is_service_available = classmethod(lambda cls, context: (True, None))
    client_plugin.ClientPlugin.client = lambda self, version=None: mock.MagicMock()

    nova_client, neutron_client = nova.NovaClientPlugin, neutron.NeutronClientPlugin
    thing = types.SimpleNamespace
    neutron_client.has_extension = lambda self, alias: True
    neutron_client.find_resourceid_by_name_or_id = lambda self, kind, value, cmd_resource=None: value
    neutron_client.resolve_ext_resource = lambda self, kind, value: value
    nova_client.is_version_supported = lambda self, version: True
    nova_client.find_flavor_by_name_or_id = lambda self, value: value
    nova_client.get_flavor = lambda self, value: thing(id=value, ram=1 << 20, disk=1 << 20)
    nova_client.absolute_limits = lambda self: {
        'maxServerMeta': -1, 'maxPersonality': 5, 'maxPersonalitySize': 1 << 20}
    glance.GlanceClientPlugin.find_image_by_name_or_id = lambda self, value: value
    glance.GlanceClientPlugin.get_image = lambda self, value: thing(
        id=value, status='active', min_ram=0, min_disk=0)
    return context.RequestContext(
        auth_token='none', username='none', user_id='none', project_id='none', is_admin=False,
        roles=['member'], auth_url='http://127.0.0.1:1/v3')


def judge(ctx, request):
    """What Heat says of one template, its files gathered by Heat's own client."""
    try:
        files, template = template_utils.get_template_contents(request['template'])
        more, settings = template_utils.process_multiple_environments_and_files(
            env_paths=request.get('environments', []))
        files.update(more)
        files = {url: text.decode() if isinstance(text, bytes) else text for url, text in files.items()}
        settings = dict(settings or {})
        settings['parameters'] = {**settings.get('parameters', {}), **request.get('parameters', {})}
        parsed = templates.Template(
            template_format.parse(json.dumps(template)), files=files,
            env=environment.Environment(settings))
        stack = stacks.Stack(ctx, 'demo', parsed)
        stack.validate(validate_res_tmpl_only=False)
        return {'error': None, 'shown': stack.parameters.map(str)}
    except Exception as error:  # whatever Heat raises is its verdict
        return {'error': f'{type(error).__name__}: {error}', 'shown': {}}


if __name__ == '__main__':
    engine = start()
    json.dump([judge(engine, request) for request in json.load(sys.stdin)], sys.stdout)
    sys.stdout.flush()
    os._exit(0)  # eventlet's threads would wait for ever
