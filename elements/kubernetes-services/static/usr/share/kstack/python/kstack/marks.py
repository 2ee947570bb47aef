"""
Labels and taints that masters give to nodes, by the pool in their name: a kubelet cannot change its name, its taints, or
labels of other prefixes, so no node chooses its role or pool. kstack writes those of pools to the ConfigMap kstack-pools.
A node without spec.providerID gets that of the server which kstack has recorded for it.
"""
import collections
import json
import re

from . import members, values

PENDING = 'kstack.io/pending'
ROLE = 'kstack.io/role'
NODE_ROLE = 'node-role.kubernetes.io/'
NO_SCHEDULE = ':NoSchedule'

MASTER, GATEWAY = 'master', 'gateway'
CONTROL_PLANE = 'control-plane'  # what kubeadm calls masters, since 1.20
GATEWAY_TAINT = 'kstack.io/gateway'

TAINTS_OF_ROLES = [key + NO_SCHEDULE for key in (NODE_ROLE + MASTER, NODE_ROLE + CONTROL_PLANE, GATEWAY_TAINT)]

# Taints are text, such as key=value:NoSchedule. former: what the pool had once.
Pool = collections.namedtuple('Pool', 'labels taints former_labels former_taints')


def pools(text):
    """The pools of the ConfigMap kstack-pools by name. Raises ValueError."""
    read = json.loads(text)
    found = {}
    for name, one in read['pools'].items():
        found[name] = Pool(dict(one['labels']), list(one['taints']), list(one['formerLabels']), list(one['formerTaints']))
    return found


def minor_of(version):
    """The minor release of a kubelet's version, such as 20 for v1.20.2; None for other text."""
    found = re.match(r'v1\.([0-9]{1,4})\.', version)
    return int(found.group(1)) if found else None


def names_of(role, minor):
    """
    The ends of the labels node-role.kubernetes.io/ of a role. Those of masters are as kubeadm has them, by the release of
    the node's own kubelet: all masters come to the same result, also during an upgrade. Both if the release is unknown.
    """
    if role != MASTER:
        return [role]
    return ([MASTER] if minor is None or minor < 24 else []) + ([CONTROL_PLANE] if minor is None or minor >= 20 else [])


def role_labels(role, roles, minor):
    """The labels of a role, and None for those that a node of this role must not have."""
    labels = {NODE_ROLE + other: None for other in list(roles) + [CONTROL_PLANE]}
    labels.update({NODE_ROLE + name: '' for name in names_of(role, minor)})
    labels[ROLE] = role
    return labels


def role_taints(role, minor, taints):
    """
    The taints of a role as texts, for a node with some taints. Masters get theirs, as kubeadm has them, when they join; an
    operator may remove them, so that pods run on masters.
    """
    if role == GATEWAY:
        return [GATEWAY_TAINT + NO_SCHEDULE]
    before, now = NODE_ROLE + MASTER, NODE_ROLE + CONTROL_PLANE
    if role != MASTER or not any(one.get('key') in (PENDING, before, now) for one in taints):
        return []
    return ([before + NO_SCHEDULE] if minor is None or minor < 25 else []) + (
        [now + NO_SCHEDULE] if minor is None or minor >= 24 else [])


def role_of(pool_name, known, roles):
    """The role of a pool, or None."""
    if pool_name in roles:
        return pool_name
    return known[pool_name].labels.get(ROLE) if pool_name in known else None


def wanted_labels(pool_name, known, roles, minor):
    """The labels that a node of a pool must have; None where it must have none."""
    role = role_of(pool_name, known, roles)
    labels = {} if role is None else role_labels(role, roles, minor)
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


def wanted_taints(taints, wanted, former):
    """
    The taints that a node must have, in place of those that it has; without the one of a pending node.

    wanted, former  texts
    """
    wanted = collections.OrderedDict(((one['key'], one['effect']), one) for one in map(parsed_taint, wanted))
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
            'labels': values.mapping(metadata.get('labels')), 'provider': values.text(spec.get('providerID')),
            'minor': minor_of(values.text(values.mapping(values.mapping(one.get('status')).get('nodeInfo'))
                                          .get('kubeletVersion'))),
            'taints': [values.mapping(each) for each in values.items(spec.get('taints'))]}


def of_node(node, pool_name, known, roles):
    """The taints that a node of a pool must have, or None if its pool is unknown."""
    role = role_of(pool_name, known, roles)
    if role is None and pool_name not in known:
        return None
    wanted = role_taints(role, node['minor'], node['taints'])
    # A node registers with the taints that it likes.
    former = {text for text in TAINTS_OF_ROLES if role is not None and text not in wanted}
    if pool_name in known:
        wanted = wanted + known[pool_name].taints
        former |= set(known[pool_name].former_taints)
    return wanted_taints(node['taints'], wanted, former)


def provider_id(server):
    """As OpenStack's cloud controller manager writes it, without a region. server: Nova's ID."""
    return 'openstack:///' + server


def strangers(nodes, records):
    """Messages about nodes that say they are another server than Heat made. The field cannot be changed any more."""
    for node in nodes:
        recorded = records.get(node['name'])
        if recorded is not None and recorded.server is not None and \
                node['provider'] not in ('', provider_id(recorded.server)):
            yield 'node %s: its spec.providerID is %s; its server is %s' % (
                node['name'], values.printable(node['provider'], 80), recorded.server)


def patch(node, cluster, known, roles, records):
    """
    The merge patch that gives a node its labels and taints, and its providerID, or None. One patch: a node is no longer
    pending only if it has all of them. With the version that was read, nothing that another wrote since is overwritten.
    """
    found = members.member(cluster, node['name'])
    if found is None:
        return None
    labels = {key: value for key, value in wanted_labels(found.pool, known, roles, node['minor']).items()
              if node['labels'].get(key) != value}
    spec = {}
    taints = of_node(node, found.pool, known, roles)
    if taints not in (None, node['taints']):
        spec['taints'] = taints
    recorded = records.get(node['name'])
    if not node['provider'] and recorded is not None and recorded.server is not None:
        spec['providerID'] = provider_id(recorded.server)
    change = {'metadata': {'labels': labels}} if labels else {}
    if spec:
        change['spec'] = spec
        change.setdefault('metadata', {})['resourceVersion'] = node['version']
    return change or None
