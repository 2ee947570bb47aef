"""The members of etcd, and whether one may be removed."""
import collections
import json

from . import values

Member = collections.namedtuple('Member', [
    'id',       # a number; etcdctl takes it as hexadecimal
    'name',     # '' if it has never started
    'address',  # an URL for clients; '' if it has never started
    'learner',
])


def parse(printed):
    """
    The members from `etcdctl member list -w json`. Raises ValueError if one of them cannot be read: a member that is
    passed over would be missing in the quorum.
    """
    listed = values.mapping(json.loads(printed)).get('members')
    if not isinstance(listed, list):
        raise ValueError('no list of members')
    return [member(one) for one in listed]


def member(one):
    one = values.mapping(one)
    number = values.number(one.get('ID'), 1, 2 ** 64 - 1)
    learner = one.get('isLearner', False)
    urls = [url for url in values.items(one.get('clientURLs')) if isinstance(url, str) and url.startswith('https://')]
    if number is None or not isinstance(learner, bool):
        raise ValueError('a member without an ID')
    return Member(number, values.text(one.get('name')), urls[0] if urls else '', learner)


def own(members, name):
    """The member of a master, or None. Raises ValueError if several have its name."""
    found = [one for one in members if one.name == name]
    if len(found) > 1:
        raise ValueError('%d etcd members have the name %s' % (len(found), name))
    return found[0] if found else None


def voters(members, leaving):
    """The members whose votes remain."""
    return [one for one in members if one.id != leaving.id and not one.learner]


def obstacle(others, healthy):
    """Why a voter cannot be removed, given the other voters and those of them that are healthy; '' if it can be."""
    needed = len(others) // 2 + 1
    if not others:
        return 'it is the last etcd member'
    if len(healthy) < needed:
        return 'etcd would lose its quorum: %d of the other %d members are healthy, at least %d must be' % (
            len(healthy), len(others), needed)
    return ''


def leads(printed):
    """Whether the member that was asked is the leader, from `etcdctl endpoint status -w json`."""
    try:
        answers = values.items(json.loads(printed))
    except ValueError:
        return False
    status = values.mapping(values.mapping(answers[0] if answers else None).get('Status'))
    number = values.number(values.mapping(status.get('header')).get('member_id'), 1, 2 ** 64 - 1)
    return number is not None and number == status.get('leader')
