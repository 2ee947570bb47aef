"""
Ends the processes of pods that are left at a shutdown. From 1.21 on, the kubelet has ended the pods by then, with their
preStop hooks. What is left gets SIGTERM, as from the kubelet, and time to end; then SIGKILL.
"""
import collections
import os
import signal
import time

from .log import say

GRACE = 30  # seconds, the default of pods
TERM = 1 << (signal.SIGTERM - 1)

Process = collections.namedtuple('Process', [
    'parent',   # its process ID
    'name',
    'catches',  # whether it has a handler for SIGTERM
])


def parse(status):
    """A process from /proc/PID/status, or None."""
    fields = dict(line.split(':\t', 1) for line in status.splitlines() if ':\t' in line)
    try:
        return Process(int(fields['PPid']), fields['Name'], int(fields['SigCgt'], 16) & TERM != 0)
    except (KeyError, ValueError):
        return None


def asked(processes):
    """
    The IDs of those to which SIGTERM is sent: the first process of each container, whose parent is of no pod. One without
    a handler would ignore it. "pause", which holds a pod's namespaces, would take the others with it.
    """
    return sorted(number for number, one in processes.items()
                  if one.parent not in processes and one.catches and one.name != 'pause')


class Pods(object):
    """The processes of pods, with either cgroup driver and either version of cgroups."""
    def __init__(self, cgroups='/sys/fs/cgroup', proc='/proc', kill=os.kill, clock=time.monotonic, pause=time.sleep):
        self.cgroups = cgroups
        self.proc = proc
        self.kill = kill
        self.clock = clock
        self.pause = pause

    def numbers(self):
        found = set()
        for folder, _, files in os.walk(self.cgroups):
            if 'kubepods' in folder[len(self.cgroups):] and 'cgroup.procs' in files:
                found.update(int(one) for one in self.read(os.path.join(folder, 'cgroup.procs')).split())
        return found

    def processes(self):
        known = {number: parse(self.read(os.path.join(self.proc, str(number), 'status'))) for number in self.numbers()}
        return {number: one for number, one in known.items() if one is not None}

    @staticmethod
    def read(file):
        """'' if the process or its cgroup is gone."""
        try:
            with open(file, errors='replace') as opened:
                return opened.read()
        except OSError:
            return ''

    def send(self, number, what):
        try:
            self.kill(number, what)
        except OSError:  # it has ended
            pass

    def end(self, grace=GRACE):
        waited_for = asked(self.processes())
        for number in waited_for:
            self.send(number, signal.SIGTERM)
        until = self.clock() + grace
        while self.clock() < until and not set(waited_for).isdisjoint(self.numbers()):
            self.pause(0.2)
        left = self.numbers()
        for number in left:
            self.send(number, signal.SIGKILL)
        late = sorted(left.intersection(waited_for))
        if late:
            say('killed after %d s: processes %s' % (grace, ' '.join(map(str, late))))


def main():
    Pods().end()
