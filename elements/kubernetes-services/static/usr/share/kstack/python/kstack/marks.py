"""
Labels and taints that masters give to nodes, by the pool in their name: a kubelet cannot change its name, its taints, or
labels of other prefixes, so no node chooses its role or pool. kstack writes those of pools to the ConfigMap kstack-pools.
"""
import collections
import json

from . import members, values

PENDING = 'kstack.io/pending'
ROLE = 'kstack.io/role'
NODE_ROLE = 'node-role.kubernetes.io/'

# Taints are text, such as key=value:NoSchedule. former: what the pool had once.
Pool = collections.namedtuple('Pool', 'labels taints former_labels former_taints')


def pools(text):
    """The pools of the ConfigMap kstack-pools by name. Raises ValueError."""
    read = json.loads(text)
    found = {}
    for name, one in read['pools'].items():
        found[name] = Pool(dict(one['labels']), list(one['taints']), list(one['formerLabels']), list(one['formerTaints']))
    return found


def role_labels(role, roles):
    """The labels of a role, and None for those that a node of this role must not have."""
    labels = {NODE_ROLE + other: None for other in roles if other != role}
    labels.update({ROLE: role, NODE_ROLE + role: ''})
    return labels


def wanted_labels(pool_name, known, roles):
    """The labels that a node of a pool must have; None where it must have none."""
    labels = role_labels(pool_name, roles) if pool_name in roles else {}
    pool = known.get(pool_name)
    if pool is not None:
        labels.update({key: None for key in pool.former_labels})
        labels.update(pool.labels)
    return labels


def taint_text(taint):
    value = values.text(taint.get('value'))
    return '%s%s:%s' % (taint.get('key'), '=' + value if value else '', taint.get('effect'))


def parsed_taint(text):
    rest, effect = text.rsplit(':', 1)
    key, _, value = rest.partition('=')
    return dict({'key': key, 'effect': effect}, **({'value': value} if value else {}))


def wanted_taints(taints, pool):
    """The taints that a node of the pool must have, in place of those that it has; without the one of a pending node."""
    wanted = {(one['key'], one['effect']): one for one in map(parsed_taint, pool.taints)}
    former = set(pool.former_taints)
    kept = []
    for one in taints:
        identity = (one.get('key'), one.get('effect'))
        if identity in wanted:
            if taint_text(one) == taint_text(wanted[identity]):
                kept.append(wanted.pop(identity) and one)
        elif taint_text(one) not in former and one.get('key') != PENDING:
            kept.append(one)
    return kept + list(wanted.values())


def kept(one):
    """What matters of a Node object."""
    metadata, spec = values.mapping(one.get('metadata')), values.mapping(one.get('spec'))
    return {'name': values.text(metadata.get('name')), 'version': values.text(metadata.get('resourceVersion')),
            'labels': values.mapping(metadata.get('labels')),
            'taints': [values.mapping(each) for each in values.items(spec.get('taints'))]}


def patch(node, cluster, known, roles):
    """
    The merge patch that gives a node its labels and taints, or None. One patch: a node is no longer pending only if it has
    all of them. With the version that was read, nothing that another wrote since is overwritten.
    """
    found = members.member(cluster, node['name'])
    if found is None:
        return None
    labels = {key: value for key, value in wanted_labels(found.pool, known, roles).items()
              if node['labels'].get(key) != value}
    change = {'metadata': {'labels': labels}} if labels else {}
    if found.pool in known:
        taints = wanted_taints(node['taints'], known[found.pool])
        if taints != node['taints']:
            change['spec'] = {'taints': taints}
            change.setdefault('metadata', {})['resourceVersion'] = node['version']
    return change or None
