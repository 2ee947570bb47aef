"""The pods of Services, as the API has them in Endpoints, and where a gateway sends what comes in. No input and output."""
import collections
import ipaddress

from . import values

# What is kept of Endpoints: subsets of ports and addresses, which are numbers; with thousands of Services, memory counts.
#   wrong  the first thing in it that is not valid, or ''
Endpoints = collections.namedtuple('Endpoints', 'subsets wrong')
NONE = Endpoints((), '')

# An exposed port, and its ready pods: pairs of address and port.
Forwarded = collections.namedtuple('Forwarded', 'service port targets')


def forwarded(one, endpoints):
    """Where an exposed port leads."""
    return Forwarded(one.service, one.port, targets(endpoints, one.port))


def parse(one):
    """What is kept of Endpoints of the API. What is not valid is left out."""
    wrong = []
    subsets = []
    given = values.mapping(one).get('subsets')
    for subset in listed(given, 'subsets', wrong):
        subset = values.mapping(subset)
        ports = [port(each, wrong) for each in listed(subset.get('ports'), 'ports', wrong)]
        addresses = [address(each, wrong) for each in listed(subset.get('addresses'), 'addresses', wrong)]
        kept = tuple(each for each in ports if each is not None), tuple(each for each in addresses if each is not None)
        if kept[0] and kept[1]:
            subsets.append(kept)
    return Endpoints(tuple(subsets), wrong[0] if wrong else '')


def listed(value, field, wrong):
    if value is not None and not isinstance(value, list):
        wrong.append('%s is no list' % field)
    return values.items(value)


def port(one, wrong):
    """(name, protocol, number), or None."""
    one = values.mapping(one)
    name, protocol = one.get('name') or '', one.get('protocol') or 'TCP'
    number = values.number(one.get('port'), 1, 65535)
    if number is None or isinstance(one['port'], str):
        wrong.append('port %s' % values.printable(one.get('port'), 50))
    elif not isinstance(protocol, str):
        wrong.append('protocol %s' % values.printable(protocol, 50))
    elif name != '' and values.label(name) is None:
        wrong.append('port name %s' % values.printable(name, 50))
    else:
        return name, protocol, number
    return None


def address(one, wrong):
    """The number of an IPv4 address, or None. IPv6 is not wrong, but gateways do not support it."""
    text = values.mapping(one).get('ip')
    value = values.address(text)
    if value is None:
        if not (isinstance(text, str) and ':' in text):
            wrong.append('address %s' % values.printable(text, 50))
        return None
    # As the API refuses them: a gateway would forward to itself, or to the cloud's metadata.
    if value.is_loopback or value.is_link_local or value.is_multicast or value.is_unspecified:
        wrong.append('address %s' % value)
        return None
    return int(value)


def targets(endpoints, port):
    """The ready pods of a Service's port: pairs of address and port, sorted."""
    found = {(number, target)
             for ports, addresses in endpoints.subsets
             for name, protocol, target in ports if name == port.name and protocol == port.protocol
             for number in addresses}
    return tuple((str(ipaddress.IPv4Address(number)), target) for number, target in sorted(found))
