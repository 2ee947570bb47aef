"""
Values as they come from the API, a node or a user, parsed and checked. Text that is not in the one canonical form is not
a value: 10.00.0.1 equals no address, and no address is compared as text.
"""
import ipaddress
import re

LABEL = re.compile(r'[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?')
UUID = re.compile(r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')
NAME = re.compile(r'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')


def address(text):
    """An IPv4 address, or None."""
    try:
        value = ipaddress.IPv4Address(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return value if str(value) == text else None


def network(text):
    """An IPv4 range such as 10.244.1.0/24; None for other text, or if host bits are set."""
    try:
        value = ipaddress.IPv4Network(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return value if str(value) == text else None


def contains(outer, inner):
    """Whether a range has all addresses of another."""
    return (outer.prefixlen <= inner.prefixlen and
            int(outer.network_address) <= int(inner.network_address) and
            int(inner.broadcast_address) <= int(outer.broadcast_address))


def name(text):
    """The name of an object that Kubernetes accepts as a DNS name, or None."""
    return text if isinstance(text, str) and len(text) <= 253 and NAME.fullmatch(text) else None


def label(text):
    """A name that is one label of a DNS name, such as that of a namespace or Service, or None."""
    return text if isinstance(text, str) and LABEL.fullmatch(text) else None


def uuid(text):
    """A UUID in its lower-case form, such as the ID of a server in Nova, or None."""
    return text if isinstance(text, str) and UUID.fullmatch(text) else None


def number(value, least, most):
    """A whole number in a range, from JSON or from decimal text; None for anything else."""
    if isinstance(value, str) and re.fullmatch(r'0|[1-9][0-9]{0,18}', value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if least <= value <= most else None


def text(value):
    """Text, or '' for anything else, such as a field that is missing."""
    return value if isinstance(value, str) else ''


def mapping(value):
    """A JSON object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def items(value):
    """A JSON array, or an empty one for anything else."""
    return value if isinstance(value, list) else []


def printable(value, most=200):
    """A value for a message: on one line, without control characters, cut to a length."""
    shown = ''.join(character if character.isprintable() else '?' for character in str(value))
    return shown if len(shown) <= most else shown[:most] + '...'
