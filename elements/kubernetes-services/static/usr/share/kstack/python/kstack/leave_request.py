"""
A Node object as kstack-leavers sees it: the request to drain or remove it, and what decides where its pods may go.

A kubelet may change most labels and annotations of its own Node, but no label below node-restriction.kubernetes.io. So a
node may ask for its own drain or removal. That it is dead, upon which nothing waits for it, only masters and operators say.
"""
import collections

from . import values

# Who may set it: the node itself too.
LABEL = 'kstack.io/leave'
# Who may set it: masters and operators. The API refuses it to kubelets.
RESTRICTED_LABEL = 'kstack.node-restriction.kubernetes.io/leave'

STATE = 'kstack.io/leave-state'
TIMEOUT = 'kstack.io/leave-timeout'
FORCE = 'kstack.io/leave-force'
CORDONED = 'kstack.io/leave-cordoned'
SILENT = 'kstack.io/leave-silent'

DEFAULT_TIMEOUT = 300
MOST_TIMEOUT = 999999

Node = collections.namedtuple('Node', [
    'name',
    'uid',
    'asks',           # whether there is a request, valid or not
    'action',         # drain, leave or dead; '' if there is no request or it is not valid
    'wrong',          # why the request is not valid
    'timeout',        # of the drain, in seconds
    'force',          # whether the pods that remain after it are deleted
    'silent',         # whether a master's control plane has stopped
    'cordoned',       # whether kstack-leavers has cordoned the node
    'unschedulable',
    'leaves',         # whether it is to take no further pods because of a request
    'repels',         # keys of the taints that keep pods away, except those of Kubernetes itself
])


def parse(one):
    """A Node object, or None if it has no valid name."""
    one = values.mapping(one)
    metadata = values.mapping(one.get('metadata'))
    name = values.name(metadata.get('name'))
    if name is None:
        return None
    labels, annotations = values.mapping(metadata.get('labels')), values.mapping(metadata.get('annotations'))
    spec = values.mapping(one.get('spec'))
    action, wrong = requested(labels)
    timeout = values.number(annotations.get(TIMEOUT), 0, MOST_TIMEOUT)
    return Node(
        name=name,
        uid=values.text(metadata.get('uid')),
        asks=bool(action or wrong),
        action=action,
        wrong=wrong,
        timeout=DEFAULT_TIMEOUT if timeout is None else timeout,
        force=annotations.get(FORCE) == 'true',
        silent=annotations.get(SILENT) == 'true',
        cordoned=annotations.get(CORDONED) == 'true',
        unschedulable=spec.get('unschedulable') is True,
        leaves=LABEL in labels or RESTRICTED_LABEL in labels,
        repels=repelling(spec.get('taints')),
    )


def requested(labels):
    """What the labels ask for: an action, or why it is not valid; both are '' without a request."""
    own, restricted = values.text(labels.get(LABEL)), values.text(labels.get(RESTRICTED_LABEL))
    for key, value in ((LABEL, own), (RESTRICTED_LABEL, restricted)):
        if value not in ('', 'drain', 'leave', 'dead'):
            return '', 'the label %s must be drain, leave or dead, but is %s' % (key, values.printable(value))
    if restricted == 'dead':
        return 'dead', ''
    if own == 'dead':
        return '', ('the label %s may be drain or leave; dead must be in the label %s, which nodes cannot set '
                    '(kstack before 0.4 does not set it)' % (LABEL, RESTRICTED_LABEL))
    if 'leave' in (own, restricted):
        return 'leave', ''
    return own or restricted, ''


def repelling(taints):
    found = set()
    for taint in values.items(taints):
        taint = values.mapping(taint)
        key = values.text(taint.get('key'))
        if taint.get('effect') != 'PreferNoSchedule' and not key.startswith('node.kubernetes.io/'):
            found.add(key)
    return frozenset(found)


def takes_pods_of(node, nodes):
    """Whether one of the nodes can take the pods: it is schedulable, stays, and has no taint that the node has not."""
    return any(other.name != node.name and not other.unschedulable and not other.leaves and other.repels <= node.repels
               for other in nodes)


def cordon():
    """The patch that cordons a node. It says who did: a node that an operator has cordoned stays so."""
    return {'metadata': {'annotations': {CORDONED: 'true'}}, 'spec': {'unschedulable': True}}


def drained():
    """The patch that tells a master to stop its control plane; its request goes on."""
    return {'metadata': {'annotations': {STATE: 'drained'}}}


def answer(state, uncordon=False):
    """The patch that ends a request. It is one patch, so that nobody sees one change without the other."""
    return {
        'metadata': {
            'labels': {LABEL: None, RESTRICTED_LABEL: None},
            'annotations': {STATE: state, TIMEOUT: None, FORCE: None, CORDONED: None, SILENT: None},
        },
        'spec': {'unschedulable': None} if uncordon else {},
    }
