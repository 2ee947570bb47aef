"""The status that Services get: the addresses of the gateways. No input and output."""
import collections

from . import exposed, values

# What is kept of a Service of the API, for its status.
#   service   as gateways see it; None if they do not expose it
#   balanced  whether its type is LoadBalancer: only those have addresses
#   ingress   the addresses in its status
Kept = collections.namedtuple('Kept', 'namespace name service balanced ingress')


def keep(one):
    """What is kept of a Service of the API; None if it has no status of ours, whatever gateways there are."""
    one = values.mapping(one)
    metadata = values.mapping(one.get('metadata'))
    service, balanced = exposed.parse(one), exposed.is_balanced(values.mapping(one.get('spec')))
    if service is None and not balanced:
        return None
    return Kept(values.label(metadata.get('namespace')), values.label(metadata.get('name')), service, balanced, ingress(one))


def ingress(one):
    load_balancer = values.mapping(values.mapping(one.get('status')).get('loadBalancer'))
    return tuple(values.text(values.mapping(entry).get('ip')) or values.text(values.mapping(entry).get('hostname'))
                 for entry in values.items(load_balancer.get('ingress')))


def wanted(kept, served, addresses):
    """
    The addresses that the status of a Service is to have, or None if it stays as it is.

    served     (namespace, name) of the Services with an exposed port
    addresses  those of the gateways
    """
    if not kept.balanced or kept.namespace is None or kept.name is None:
        return None
    wants = list(addresses) if (kept.namespace, kept.name) in served else []
    if list(kept.ingress) == wants:
        return None
    # The status of a Service that is not ours belongs to another controller, unless it has our addresses only.
    if kept.service is None and not set(kept.ingress) <= set(addresses):
        return None
    return wants


def with_addresses(one, addresses):
    """A Service of the API with these addresses in its status."""
    given = {'ingress': [{'ip': address} for address in addresses]} if addresses else {}
    return dict(one, status=dict(values.mapping(one.get('status')), loadBalancer=given))
