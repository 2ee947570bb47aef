"""
What Heat says of each member, by name, in the ConfigMap kube-system/kstack-members. kstack-nodes writes the address in a
member's join token there; `kstack update` writes the address and the server of every member. Nodes may read it.
"""
import collections

from . import json_text, values
from .mirror import Mirror

MAPS = '/api/v1/namespaces/kube-system/configmaps'
NAME = 'kstack-members'

# server: Nova's ID, or None; since: when the join token was used, or '' if kstack alone wrote the record
Record = collections.namedtuple('Record', 'address server since')


def parse(one):
    """The records in the ConfigMap by the members' names. What is malformed is no record."""
    found = {}
    for name, text in values.mapping(values.mapping(one).get('data')).items():
        try:
            fields = values.mapping(json_text.parse(values.text(text)))
        except ValueError:
            continue
        address = values.address(fields.get('address'))
        if address is not None:
            found[name] = Record(address, values.uuid(fields.get('server')), values.text(fields.get('since')))
    return found


def addresses(known):
    """The recorded addresses by name."""
    return {name: one.address for name, one in known.items()}


def held(recorded, names):
    """
    The names of members by their recorded addresses.

    recorded  addresses by name
    names     those of the nodes that exist: others have no address any more
    """
    return {address: name for name, address in sorted(recorded.items()) if name in names}


class Records(object):
    """
    The records as the API has them.

    optional  masters of earlier releases do not let nodes read them: there are none, then
    """
    def __init__(self, api, changed, optional=False):
        self.mirror = Mirror(api, MAPS, {'fieldSelector': 'metadata.name=' + NAME}, keep=parse, changed=changed,
                             optional=optional)
        self.complete = self.mirror.complete

    def start(self):
        self.mirror.start()
        return self

    def all(self):
        """Records by name."""
        maps = self.mirror.all()
        return maps[0] if maps else {}
