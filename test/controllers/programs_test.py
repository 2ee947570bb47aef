import glob
import os
import time
import unittest
from unittest import mock

from kstack import api_address, programs
from kstack.programs import ProgramError, attempt, output, run


class Programs(unittest.TestCase):
    def test_a_program_has_its_arguments_as_they_are(self):
        self.assertEqual(run(['printf', '%s|', 'a b', '$(x)', '*'], 10), (0, 'a b|$(x)|*|', ''))
        self.assertEqual(run(['sh', '-c', 'echo "$X" >&2; exit 3'], 10, {'X': 'y'}), (3, '', 'y\n'))

    def test_a_program_reads_what_it_is_given_and_otherwise_nothing(self):
        self.assertEqual(run(['cat'], 10, given='\u00e4\n' * 100000), (0, '\u00e4\n' * 100000, ''))
        self.assertEqual(run(['cat'], 10), (0, '', ''))
        self.assertEqual(run(['true'], 10, given='x' * 1000000), (0, '', ''))

    def test_both_outputs_can_be_one(self):
        self.assertEqual(run(['sh', '-c', 'echo a; echo b >&2; echo c; exit 2'], 10, together=True), (2, 'a\nb\nc\n', ''))
        self.assertEqual(attempt('sh', '-c', 'echo a; echo b >&2; exit 2'), (2, 'a\nb\n'))

    def test_the_message_of_an_attempt_names_the_program(self):
        self.assertEqual(attempt('/nonexistent', 'x'), (1, '/nonexistent: No such file or directory'))
        late = ProgramError('sleep has not ended within 60 s', 'no end after a minute')
        with mock.patch.object(programs, 'run', side_effect=late):
            self.assertEqual(attempt('sleep', '90'), (1, 'sleep: no end after a minute'))

    def test_bytes_that_are_no_text_are_replaced(self):
        self.assertEqual(run(['printf', '\\377'], 10)[1], '\ufffd')

    def test_a_program_that_fails_says_why(self):
        with self.assertRaises(ProgramError) as raised:
            output(['sh', '-c', 'echo first >&2; echo last >&2; echo >&2; exit 1'], 10)
        self.assertEqual(str(raised.exception), 'last')
        with self.assertRaises(ProgramError) as raised:
            output(['sh', '-c', 'exit 7'], 10)
        self.assertEqual(str(raised.exception), 'sh ended with code 7')

    def test_a_program_that_does_not_start_or_end_is_an_error(self):
        with self.assertRaises(ProgramError):
            run(['/nonexistent'], 10)
        began = time.monotonic()
        with self.assertRaises(ProgramError):
            run(['sleep', '60'], 0.2)
        self.assertLess(time.monotonic() - began, 30)

    def test_the_limit_also_holds_if_processes_that_it_started_go_on(self):
        began = time.monotonic()
        with self.assertRaises(ProgramError) as raised:
            run(['sh', '-c', 'sleep 20 & wait'], 1)
        self.assertLess(time.monotonic() - began, 15)
        self.assertEqual(raised.exception.reason, 'no end after 1 s')

    def test_no_other_module_starts_programs_except_the_agent(self):
        names = []
        for file in glob.glob(os.path.join(os.path.dirname(programs.__file__), '*.py')):
            with open(file) as opened:
                if any(word in opened.read() for word in ('subprocess', 'os.system', 'os.popen', 'os.spawn')):
                    names.append(os.path.basename(file))
        self.assertEqual(sorted(names), ['agent.py', 'programs.py'])


class ApiAddress(unittest.TestCase):
    def holds(self, **answer):
        with mock.patch.object(api_address, 'run', **answer), mock.patch.object(api_address, 'say'):
            return api_address.holds('10.0.0.5')

    def test_only_a_node_whose_interface_has_the_address_holds_it(self):
        self.assertTrue(self.holds(return_value=(0, '2: ens3    inet 10.0.0.5/32 scope global ens3\n', '')))
        self.assertFalse(self.holds(return_value=(0, '\n', '')))
        self.assertFalse(self.holds(return_value=(1, 'x', '')))
        self.assertFalse(self.holds(side_effect=ProgramError('ip does not start')))
