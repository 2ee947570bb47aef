"""
The members of a cluster by name: CLUSTER-POOL-INDEX, and CLUSTER-POOL-gN-INDEX from the second generation on. Heat gives
the names; a kubelet's certificate is for one name, which it cannot change.
"""
import collections
import re

FORM = re.compile(r'([a-z][a-z0-9]*)(?:-g([2-9]|[1-9][0-9]{1,3}))?-(0|[1-9][0-9]{0,4})')

Member = collections.namedtuple('Member', 'name pool generation index')


def member(cluster, name):
    """The member of a cluster that has this name, or None."""
    prefix = cluster + '-'
    if not isinstance(name, str) or not name.startswith(prefix):
        return None
    found = FORM.fullmatch(name[len(prefix):])
    if found is None:
        return None
    pool, generation, index = found.groups()
    return Member(name, pool, int(generation or 1), int(index))


def cluster_of(name, pool):
    """The cluster of a node whose name and pool are known, or None."""
    found = re.fullmatch(r'(.+)-' + re.escape(pool) + r'(-g[0-9]+)?-[0-9]+', name)
    return found.group(1) if found else None
