"""
The upkeep of this master's etcd member: publishes its state, gives free space in its file back to the disk, and ends an
alarm for lack of space once there is space again. Runs once and ends; a timer starts it.
"""
import json
import os
import sys
import time

from . import etcd, etcd_members, etcd_state, values
from .log import say
from .programs import ProgramError, output
from .settings import Settings

TIMEOUT = 240  # seconds of a defragmentation or compaction: less than half of a turn


def etcdctl(endpoint, seconds, *arguments):
    limit = '--command-timeout=%ds' % seconds
    return output(etcd.command(endpoint, limit, *arguments), seconds + 15, etcd.ENVIRONMENT)


def read(parse, printed):
    try:
        return parse(printed)
    except ValueError as error:
        raise ProgramError('etcdctl prints what cannot be read: %s' % error)


class Upkeep(object):
    """
    name     of this master
    quota    bytes that a database may have
    publish  a function that takes the state for `kstack status`
    """
    def __init__(self, name, quota, publish, etcdctl=etcdctl, members=etcd.members, move_leader=etcd.move_leader,
                 clock=time.time):
        self.name = name
        self.quota = quota
        self.publish = publish
        self.etcdctl = etcdctl
        self.members = members
        self.move_leader = move_leader
        self.clock = clock

    def run(self):
        """Raises ProgramError."""
        members = self.members()
        own = read(lambda given: etcd_members.own(given, self.name), members)
        if own is None:
            raise ProgramError('etcd has no member %s' % self.name)
        alarms = self.alarms()
        self.show(own, members, alarms)
        if not etcd_state.turn(members, own, self.clock()):
            return
        full = any(name == 'NOSPACE' for _, name in alarms)
        databases = self.databases(members)
        problem = etcd_state.obstacle(members, databases)
        if problem:
            if full or etcd_state.wasteful(databases.get(own.id, etcd_state.Database(0, 0, 0, 0)), full):
                say('not defragmented: %s' % problem)
            return
        if full:
            self.compact(databases[own.id].revision)
        if etcd_state.wasteful(self.database(own), full):
            self.defragment(own, members)
        if full:
            self.disarm(members)
        self.show(own, members, self.alarms())

    def alarms(self):
        return read(etcd_state.parse_alarms, self.etcdctl(etcd.LOCAL, 10, '--write-out=json', 'alarm', 'list'))

    def database(self, member):
        printed = self.etcdctl(member.address, 5, '--write-out=json', 'endpoint', 'status')
        return read(etcd_state.parse_database, printed)

    def databases(self, members):
        """Of the members that answer, by ID."""
        found = {}
        for one in members:
            if one.address:
                try:
                    found[one.id] = self.database(one)
                except ProgramError as error:
                    say('%s: %s' % (one.name, error))
        return found

    def show(self, own, members, alarms):
        names = {one.id: one.name for one in members}
        listed = [{'member': names.get(member) or '%x' % member, 'alarm': name} for member, name in alarms]
        self.publish(etcd_state.report(self.database(own), listed, self.quota, self.clock()))

    def compact(self, revision):
        """The API server does it every five minutes, but it cannot while etcd refuses to write."""
        try:
            self.etcdctl(etcd.LOCAL, TIMEOUT, 'compact', '--physical=true', str(revision))
        except ProgramError as error:
            say('not compacted: %s' % error)

    def defragment(self, own, members):
        before = self.database(own)
        others = [one for one in members if one.id != own.id]
        if others:
            self.move_leader(own, others[0])
        self.etcdctl(own.address, TIMEOUT, 'defrag')
        say('defragmented: %d MB, %d MB before' % (self.database(own).size >> 20, before.size >> 20))

    def disarm(self, members):
        databases = self.databases(members)
        if len(databases) == len(members) and etcd_state.may_disarm(self.alarms(), databases, self.quota):
            self.etcdctl(etcd.LOCAL, 10, 'alarm', 'disarm')
            say('etcd has space again: the alarm is over')


def write_to(file):
    """A function that writes a state to a file; readers see the old or the new one."""
    def write(state):
        try:
            os.makedirs(os.path.dirname(file), mode=0o755, exist_ok=True)
            with open(file + '.new', 'w') as new:
                json.dump(state, new)
            os.rename(file + '.new', file)
        except OSError as error:  # the disk may be full, which is no reason to leave etcd full
            say('%s: %s' % (file, error.strerror))
    return write


def main():
    settings = Settings()
    quota = settings.parsed('ETCD_QUOTA_BACKEND_BYTES', lambda text: values.number(text, 1, 2 ** 63))
    file = settings.text('KSTACK_ETCD_STATE', '/var/log/kstack/etcd.json')
    try:
        Upkeep(settings.parsed('NODE_NAME', values.name), quota, write_to(file)).run()
    except ProgramError as error:
        sys.exit('etcd: %s' % error)
