"""
Which ports of which Services gateways expose, and why others are not: docs/gateways.md. Gateways and masters use the same
functions, so that they agree. No input and output.
"""
import collections
import ipaddress
import re

from . import values

CLASS = LABEL = 'kstack.io/gateway'
PROXY = 'kstack.io/gateway-proxy-protocol'
NOTHING = ' No port of this Service is exposed.'

UID = re.compile(r'[0-9a-f][-0-9a-f]{7,63}')
TIME = re.compile(r'[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z')
PROTOCOL = re.compile(r'[A-Z]{1,16}')
RANGE_V6 = re.compile(r'([0-9A-Fa-f:.]+)/(?:0|[1-9][0-9]{0,2})')

# Ports of the gateway itself: SSH; kubelet, kube-proxy and HAProxy's health check; node ports.
RESERVED = ((22, 22), (10248, 10260), (30000, 32767))
# BGP; DHCP and the pod networks.
RESERVED_OF = {'TCP': (179,), 'UDP': (68, 4789, 8285, 8472)}

# A Service that gateways are to expose. error is (reason, message) if none of its ports can be. Without a uid, its name,
# namespace or uid is not valid, and it can have no Event.
#   proxy    'v1', 'v2' or None: the PROXY protocol that its pods expect
#   limited  whether only clients of `sources`, which are IPv4 ranges, may connect
Service = collections.namedtuple('Service', 'namespace name uid created error ports affinity proxy limited sources')
Port = collections.namedtuple('Port', 'number protocol name')

# A port of a Service that is exposed.
Exposed = collections.namedtuple('Exposed', 'service port')
# A Service, or one of its ports, that is not. what tells it from others of the Service.
Refused = collections.namedtuple('Refused', 'service reason message what')


class Wrong(Exception):
    """Because of (reason, message), no port of a Service is exposed."""


def parse(one):
    """What the API has as a Service; None if gateways are not to expose it."""
    metadata, spec = values.mapping(values.mapping(one).get('metadata')), values.mapping(values.mapping(one).get('spec'))
    if not is_ours(metadata, spec):
        return None
    name, namespace = values.label(metadata.get('name')), values.label(metadata.get('namespace'))
    uid = values.text(metadata.get('uid'))
    if name is None or namespace is None or not UID.fullmatch(uid):
        shown = values.printable(metadata.get('namespace'), 70), values.printable(metadata.get('name'), 70)
        return empty(shown[0], shown[1], '', invalid('metadata'))
    service = empty(namespace, name, uid)
    try:
        return read(service, metadata, spec)
    except Wrong as wrong:
        return service._replace(error=wrong.args)


def empty(namespace, name, uid, error=None):
    return Service(namespace, name, uid, '', error, (), False, None, False, ())


def is_balanced(spec):
    return spec.get('type') == 'LoadBalancer'


def is_ours(metadata, spec):
    """The label decides, if the Service has it. One with the loadBalancerClass of another implementation is not exposed."""
    requested = values.mapping(metadata.get('labels')).get(LABEL)
    if requested is not None:
        return requested != 'false'
    return is_balanced(spec) and (spec.get('loadBalancerClass') or CLASS) == CLASS


def invalid(field):
    return 'InvalidField', 'The field %s is not valid.%s' % (field, NOTHING)


def optional(value, kind, field):
    """A field that may be missing, of a type."""
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise Wrong(*invalid(field))
    return value


def read(service, metadata, spec):
    """Parses a Service. Raises Wrong if a field is invalid."""
    if optional(metadata.get('labels'), dict, 'metadata.labels').get(LABEL, 'true') != 'true':
        raise Wrong('WrongLabel', 'The label %s must be "true" or "false".%s' % (LABEL, NOTHING))
    if spec.get('type') == 'ExternalName':
        raise Wrong('NotExposable', 'A Service of type ExternalName cannot be exposed: it has no endpoints.')
    proxy = optional(metadata.get('annotations'), dict, 'metadata.annotations').get(PROXY)
    if proxy not in (None, 'v1', 'v2'):
        raise Wrong('WrongAnnotation', 'The annotation %s must be "v1" or "v2".%s' % (PROXY, NOTHING))
    asked = optional(spec.get('loadBalancerSourceRanges'), list, 'spec.loadBalancerSourceRanges')
    affinity = spec.get('sessionAffinity')
    if affinity not in (None, '', 'None', 'ClientIP'):
        raise Wrong(*invalid('spec.sessionAffinity'))
    created = metadata.get('creationTimestamp')
    if not TIME.fullmatch(values.text(created)):
        raise Wrong(*invalid('metadata.creationTimestamp'))
    return service._replace(
        created=created, affinity=affinity == 'ClientIP', proxy=proxy, limited=len(asked) > 0, sources=sources(asked),
        ports=tuple(port(one, 'spec.ports[%d]' % index)
                    for index, one in enumerate(optional(spec.get('ports'), list, 'spec.ports'))))


def sources(asked):
    """The IPv4 ranges of a list, each once; those of IPv6 are left out. Raises Wrong."""
    found = set()
    for text in asked:
        value = source_range(text)
        if value is None:
            raise Wrong('WrongSourceRange', 'Each entry of loadBalancerSourceRanges must be a CIDR such as 192.0.2.0/24.' +
                        NOTHING)
        if value.version == 4:
            found.add(value)
    return tuple(str(value) for value in sorted(found))


def source_range(text):
    """A range of addresses, or None. Kubernetes accepts one with an address inside it: 192.0.2.7/24 is 192.0.2.0/24."""
    text = values.text(text).strip(' ')
    address, _, length = text.partition('/')
    try:
        if RANGE_V6.fullmatch(text) and ':' in address:
            return ipaddress.IPv6Network(text, strict=False)
        if values.address(address) is None or values.number(length, 0, 32) is None:
            return None
        return ipaddress.IPv4Network(text, strict=False)
    except ValueError:
        return None


def port(one, field):
    """Parses a port of a Service. Raises Wrong if a field is invalid."""
    one = optional(one, dict, field)
    number = values.number(one.get('port'), 1, 65535)
    protocol = one.get('protocol') or 'TCP'
    name = one.get('name') or ''
    if number is None or isinstance(one.get('port'), str):
        raise Wrong(*invalid(field + '.port'))
    if not PROTOCOL.fullmatch(values.text(protocol)):
        raise Wrong(*invalid(field + '.protocol'))
    if name != '' and values.label(name) is None:
        raise Wrong(*invalid(field + '.name'))
    if one.get('nodePort') is not None and values.number(one['nodePort'], 0, 65535) is None:
        raise Wrong(*invalid(field + '.nodePort'))
    return Port(number, protocol, name)


def exposed(services):
    """
    ([Exposed], [Refused]) of Services. If two want the same port and protocol, the older one gets it. The order of the
    Services does not matter.
    """
    taken, good, refused = {}, [], []
    for service in sorted(services, key=lambda one: (one.created, one.namespace, one.name)):
        if service.error is not None:
            refused.append(Refused(service, service.error[0], service.error[1], 'service'))
            continue
        for one in service.ports:
            key = '%d/%s' % (one.number, one.protocol)
            reason, message = port_error(one) or ('', '')
            if not reason and key in taken:
                reason, message = 'PortTaken', 'the older Service %s uses it.' % taken[key]
            if reason:
                refused.append(Refused(service, reason, 'Port %s is not exposed: %s' % (key, message),
                                       '%d-%s' % (one.number, one.protocol)))
            else:
                taken[key] = '%s/%s' % (service.namespace, service.name)
                good.append(Exposed(service, one))
    return good, refused


def port_error(one):
    """(reason, message) of a port that no gateway exposes, or None."""
    if one.protocol not in RESERVED_OF:
        return 'ProtocolNotSupported', 'gateways support TCP and UDP.'
    if one.number in RESERVED_OF[one.protocol] or any(least <= one.number <= most for least, most in RESERVED):
        return 'PortReserved', 'it is reserved for the gateway node.'
    return None
