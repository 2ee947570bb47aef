import os
import signal
import tempfile
import unittest

from kstack.pods_end import Pods, asked, parse

CATCHES, IGNORES = 'SigCgt:\t0000000000004000\n', 'SigCgt:\t0000000000000000\n'


def status(name, parent, catches=True):
    return 'Name:\t%s\nUmask:\t0022\nPPid:\t%d\n%s' % (name, parent, CATCHES if catches else IGNORES)


class Machine(object):
    """Processes of pods, and a clock that only waiting moves."""
    def __init__(self, test, processes, ends_after=1):
        folder = tempfile.TemporaryDirectory()
        test.addCleanup(folder.cleanup)
        self.root = folder.name
        self.now = 0
        self.ends_after = ends_after
        self.sent = []
        self.dying = {}  # when a process ends
        self.processes = dict(processes)
        os.makedirs(os.path.join(self.root, 'cgroup/system.slice'))
        self.write('cgroup/system.slice/cgroup.procs', '1\n')
        for number, text in processes.items():
            self.write('proc/%d/status' % number, text)
        self.show()

    def write(self, name, text):
        file = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with open(file, 'w') as opened:
            opened.write(text)

    def show(self):
        numbers = ''.join('%d\n' % number for number in self.processes)
        self.write('cgroup/memory/kubepods.slice/kubepods-besteffort.slice/cri-1.scope/cgroup.procs', numbers)
        self.write('cgroup/memory/kubepods.slice/cgroup.procs', '')

    def kill(self, number, what):
        if number not in self.processes:
            raise ProcessLookupError()
        self.sent.append((number, what))
        if what == signal.SIGKILL:
            del self.processes[number]
        else:
            self.dying[number] = self.now + self.ends_after

    def wait(self, seconds):
        self.now += seconds
        for number in [one for one, when in self.dying.items() if when <= self.now]:
            del self.dying[number], self.processes[number]
        self.show()

    def end(self):
        Pods(self.root + '/cgroup', self.root + '/proc', self.kill, lambda: self.now, self.wait).end()
        return self.sent


class Shutdown(unittest.TestCase):
    def test_the_first_process_of_a_container_gets_SIGTERM_and_time_to_end(self):
        machine = Machine(self, {10: status('server', 5), 11: status('child', 10)})
        self.assertEqual(machine.end(), [(10, signal.SIGTERM), (11, signal.SIGKILL)])
        self.assertTrue(1 <= machine.now < 2)

    def test_a_process_that_does_not_end_is_killed_after_thirty_seconds(self):
        machine = Machine(self, {10: status('server', 5)}, ends_after=1000)
        self.assertEqual(machine.end(), [(10, signal.SIGTERM), (10, signal.SIGKILL)])
        self.assertTrue(30 <= machine.now < 31)

    def test_nothing_waits_for_processes_that_ignore_SIGTERM_or_only_hold_namespaces(self):
        machine = Machine(self, {10: status('sleep', 5, False), 11: status('pause', 6)})
        self.assertEqual(sorted(machine.end()), [(10, signal.SIGKILL), (11, signal.SIGKILL)])
        self.assertEqual(machine.now, 0)

    def test_no_process_outside_of_pods_is_touched_and_none_is_no_error(self):
        self.assertEqual(Machine(self, {}).end(), [])

    def test_a_status_that_cannot_be_read_is_passed_over(self):
        wrong = status('a', 1).replace('PPid:\t1', 'PPid:\tx')
        for text in ('', 'x', 'Name:\ta\n', wrong, 'SigCgt:\tzz\nPPid:\t1\nName:\ta'):
            self.assertIsNone(parse(text))
        self.assertEqual(asked({}), [])

    def test_processes_of_this_machine_can_be_read(self):
        with open('/proc/self/status') as file:
            self.assertEqual(parse(file.read()).parent, os.getppid())
