"""
The software deployments that Heat has for this server, and what this image does for them. Heat sends a script with each;
the script is not run, it only names one of the actions below. Nothing here reads files or asks anybody.
"""
import base64
import binascii
import collections
import math
import re

from . import values

# Heat's own limit of drain_timeout, in seconds.
LONGEST_DRAIN = 43200

# The longest request for a certificate, in bytes of its PEM: one for an RSA key of 16,384 bits has 6,000.
LONGEST_REQUEST = 8192

ID = re.compile(r'[A-Za-z0-9-]{1,64}')
OPERATOR = re.compile(r'[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?')
REQUEST = re.compile(r'-----BEGIN (NEW )?CERTIFICATE REQUEST-----\r?\n'
                     r'[A-Za-z0-9+/=\r\n]+'
                     r'-----END (NEW )?CERTIFICATE REQUEST-----[\r\n]*')

# script is the text as Heat has it; inputs has the values by name, of any JSON type.
Deployment = collections.namedtuple('Deployment', 'id script inputs')

# program is a name in /usr/local/sbin; parsers has a function by the name of each input that the program takes, which
# gives the text for its environment, or None for a wrong value.
Action = collections.namedtuple('Action', 'program parsers')


class Refused(Exception):
    """A deployment that this image does not run; the text is for the operator."""


def seconds(value):
    """A number of seconds as text. Heat's numbers may have decimals, which do not count."""
    if isinstance(value, str) and re.fullmatch(r'[0-9]{1,9}(\.[0-9]{1,9})?', value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= LONGEST_DRAIN:
        return None
    return str(math.floor(value))


def switch(value):
    """true or false. Heat gives a boolean as JSON has it, or as Python spells it."""
    return {'true': 'true', '1': 'true', 'yes': 'true',
            'false': 'false', '0': 'false', 'no': 'false'}.get(str(value).lower())


def operator(value):
    """The user name of an operator."""
    return value if isinstance(value, str) and OPERATOR.fullmatch(value) else None


def request(value):
    """A request for a certificate, base64 of its PEM, on one line."""
    if not isinstance(value, str) or len(value) > 2 * LONGEST_REQUEST:
        return None
    try:
        pem = base64.b64decode(''.join(value.split()), validate=True).decode('ascii')
    except (binascii.Error, ValueError):
        return None
    if len(pem) > LONGEST_REQUEST or not REQUEST.fullmatch(pem):
        return None
    return base64.b64encode(pem.encode()).decode()


# All scripts that kstack gives to nodes of this image, since 0.2.0: heat/cluster.yaml.ejs and src/cluster/heat/signing.ts.
ACTIONS = {
    '#!/bin/bash\nexec /usr/local/sbin/kstack-leave':
        Action('kstack-leave', {'drain_timeout': seconds, 'drain_force': switch}),
    '#!/bin/bash\nexec /usr/local/sbin/kstack-sign-operator':
        Action('kstack-sign-operator', {'operator': operator, 'request': request}),
}


def read(metadata):
    """The deployments of group "script" in a server's metadata, in order. Those of other groups are for other agents."""
    found = []
    for one in values.items(values.mapping(values.mapping(metadata).get('metadata')).get('deployments')):
        one = values.mapping(one)
        identity = values.text(one.get('id'))
        if one.get('group') == 'script' and ID.fullmatch(identity):
            found.append(Deployment(identity, values.text(one.get('config')), inputs(one)))
    return found


def inputs(deployment):
    """The inputs of a deployment by name."""
    every = [values.mapping(one) for one in values.items(deployment.get('inputs'))]
    return {one['name']: one.get('value') for one in every if isinstance(one.get('name'), str)}


def decide(deployment):
    """
    The program that a deployment means, and the variables for its environment. An input that is missing or null is left to
    the program. Raises Refused.
    """
    action = ACTIONS.get(deployment.script.rstrip('\n'))
    if action is None:
        raise Refused('this image runs no such script: %s' % values.printable(deployment.script.strip()))
    environment = {}
    for name, parse in sorted(action.parsers.items()):
        given = deployment.inputs.get(name)
        if given is None or given == '':
            continue
        environment[name] = parse(given)
        if environment[name] is None:
            raise Refused('%s was not run, because its input %s is not valid: %s'
                          % (action.program, name, values.printable(given)))
    return action.program, environment


def limit(environment, margin):
    """Seconds that a program may run: the drain and a margin for the rest, or ten minutes without a drain timeout."""
    return int(environment['drain_timeout']) + margin if 'drain_timeout' in environment else 600
