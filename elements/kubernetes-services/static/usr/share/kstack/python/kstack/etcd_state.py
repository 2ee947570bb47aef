"""What etcd says of its members' databases and alarms, and what is to be done about it: without input and output."""
import collections
import json

from . import values

LARGEST = 2 ** 64 - 1
SLOT = 600        # seconds of one master's turn
SMALL = 128 << 20  # bytes: a smaller database stays as it is
RELAXED = 0.8     # of the quota: below, an alarm for lack of space ends
ALARMS = {1: 'NOSPACE', 2: 'CORRUPT'}  # etcdctl prints the numbers of etcd's protocol

Database = collections.namedtuple('Database', [
    'size',      # bytes of the file
    'used',      # bytes of it that are in use
    'revision',  # of the keys
    'leader',    # ID of the member that this one follows; 0 if none
])


def parse_database(printed):
    """From `etcdctl endpoint status -w json` for one endpoint. Raises ValueError."""
    answers = values.items(json.loads(printed))
    status = values.mapping(values.mapping(answers[0] if answers else None).get('Status'))
    numbers = [values.number(one, 0, LARGEST) for one in (
        status.get('dbSize'), status.get('dbSizeInUse'), values.mapping(status.get('header')).get('revision'),
        status.get('leader', 0))]
    if None in numbers:
        raise ValueError('no state of a database')
    return Database(*numbers)


def parse_alarms(printed):
    """
    The alarms from `etcdctl alarm list -w json`, as (ID of the member, name). Raises ValueError. An alarm that this program
    does not know is one, too.
    """
    answer = json.loads(printed)
    listed = answer.get('alarms') if isinstance(answer, dict) else 'none'
    if listed is not None and not isinstance(listed, list):
        raise ValueError('no list of alarms')
    return [alarm(one) for one in listed or []]


def alarm(one):
    one = values.mapping(one)
    number = values.number(one.get('memberID'), 1, LARGEST)
    if number is None:
        raise ValueError('an alarm without a member')
    kind = one.get('alarm')
    name = ALARMS.get(kind) if isinstance(kind, int) else None
    return number, name or values.printable(kind, 20)


def turn(members, own, seconds):
    """
    Whether it is a member's turn: the masters take turns by the clock, so that no two members are out at once. Clocks that
    differ by some minutes do no harm.
    """
    order = sorted(one.id for one in members)
    slot, into = divmod(seconds, SLOT)
    return order[int(slot) % len(order)] == own.id and into < SLOT * 2 / 3


def obstacle(members, databases):
    """
    Why no member may be out now, given the databases by ID of those that answer; '' if one may. During its
    defragmentation a member answers nobody.
    """
    for one in members:
        if one.learner or not one.address:
            return 'member %s is joining' % (one.name or '%x' % one.id)
        if one.id not in databases:
            return 'member %s does not answer' % one.name
    leaders = set(database.leader for database in databases.values())
    if len(leaders) != 1 or leaders == {0}:
        return 'the members have no common leader'
    return ''


def wasteful(database, full):
    """
    Whether a defragmentation is worth the seconds in which the member does not answer: half of a large file is free. If
    etcd is full, a tenth is enough.
    """
    free = database.size - database.used
    return free > database.size / 10 if full else database.size >= SMALL and free > database.size / 2


def may_disarm(alarms, databases, quota):
    """Whether the alarms, all of them for lack of space, may end: etcdctl ends all together."""
    return (bool(alarms) and all(name == 'NOSPACE' for _, name in alarms) and
            all(database.size < RELAXED * quota for database in databases.values()))


def report(database, alarms, quota, seconds):
    """What `kstack status` reads of one member. The alarms are those of all members, by name."""
    return {
        'time': int(seconds),
        'size': database.size,
        'used': database.used,
        'quota': quota,
        'alarms': alarms,
    }
