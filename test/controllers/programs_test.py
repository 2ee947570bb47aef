import time
import unittest

from kstack.programs import ProgramError, output, run


class Programs(unittest.TestCase):
    def test_a_program_has_its_arguments_as_they_are(self):
        self.assertEqual(run(['printf', '%s|', 'a b', '$(x)', '*'], 10), (0, 'a b|$(x)|*|', ''))
        self.assertEqual(run(['sh', '-c', 'echo "$X" >&2; exit 3'], 10, {'X': 'y'}), (3, '', 'y\n'))

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
