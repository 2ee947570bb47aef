"""
What kstack-leave needs of Node objects, as words for a shell: others may write anything into their own Node.
  leave_view own               of one Node, three lines: its request, whether it has said that it is silent, the answer
  leave_view others NODE ROLE  of a list, besides this node: how many nodes of the role stay, how many of them are Ready,
                               and how many nodes the last master waits for
"""
import sys

from . import json_text, members, values
from .leave_request import LABEL, SILENT, STATE

LAST = 'kstack.io/leave-last'  # an annotation: this master is the last, or one of several that leave together


def own(node):
    """The request, whether the node has said that it is silent, and the answer of the masters; '' for what is not there."""
    metadata = values.mapping(values.mapping(node).get('metadata'))
    annotations = values.mapping(metadata.get('annotations'))
    found = values.mapping(metadata.get('labels')).get(LABEL), annotations.get(SILENT), annotations.get(STATE)
    return [values.printable(' '.join(values.text(one).split()), 3000) for one in found]


def is_ready(node):
    """True only for one condition "Ready" that is true."""
    conditions = [values.mapping(one) for one in values.items(values.mapping(node.get('status')).get('conditions'))]
    ready = [one.get('status') for one in conditions if one.get('type') == 'Ready']
    return ready == ['True']


def others(listed, name, role):
    """
    Numbers of nodes besides this one: of the role without a request, of those the Ready ones, and those that the last master
    waits for: all members of the cluster that run or leave, but no other master that is the last.
    """
    cluster = members.cluster_of(name, role) or ''
    staying = ready = awaited = 0
    for node in values.items(values.mapping(listed).get('items')):
        node = values.mapping(node)
        metadata = values.mapping(node.get('metadata'))
        if values.name(metadata.get('name')) in (None, name):
            continue
        labels = values.mapping(metadata.get('labels'))
        if labels.get('kstack.io/role') == role and LABEL not in labels:
            staying += 1
            ready += is_ready(node)
        last = role == labels.get('kstack.io/role') and LAST in values.mapping(metadata.get('annotations'))
        member = members.member(cluster, metadata.get('name')) is not None
        if member and not last and (LABEL in labels or is_ready(node)):
            awaited += 1
    return [staying, ready, awaited]


def main():
    given = json_text.parse(sys.stdin.buffer.read().decode('utf-8', 'replace'))
    if sys.argv[1:] == ['own']:
        sys.stdout.buffer.write(('\n'.join(own(given)) + '\n').encode('utf-8', 'replace'))
    else:
        _, name, role = sys.argv[1:]
        print(*others(given, name, role))
