import os
import tempfile
import unittest
from unittest import mock

from kstack import firewall
from kstack.programs import ProgramError

# Waits for 5 seconds at most, reads all rules, refuses some.
RESTORE = '''#!/bin/sh
[ "$*" = --help ] && { echo '--wait -w' >&2; exit 1; }
[ "$*" = '--noflush --wait 5' ] || exit 9
grep -q wrong || exit 0
echo 'line 1 failed' >&2
exit 1
'''


class Restore(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        program = os.path.join(folder.name, 'iptables-restore')
        with open(program, 'w') as file:
            file.write(RESTORE)
        os.chmod(program, 0o755)
        self.said = []
        for patch in (mock.patch.dict(os.environ, PATH=folder.name + ':' + os.environ['PATH']),
                      mock.patch.object(firewall, 'say', self.said.append)):
            patch.start()
            self.addCleanup(patch.stop)
        self.firewall = firewall.Firewall([], folder.name)

    def test_the_program_gets_the_rules_and_says_what_is_wrong(self):
        self.assertTrue(self.firewall.restore('*nat\nCOMMIT\n' * 50000))
        self.assertEqual(self.said, [])
        self.assertFalse(self.firewall.restore('wrong'))
        self.assertEqual(self.said, ['iptables-restore: line 1 failed'])

    def test_a_program_that_is_missing_or_does_not_end_is_said(self):
        with mock.patch.dict(os.environ, PATH='/nonexistent'):
            self.assertFalse(self.firewall.restore(''))
        late = ProgramError('iptables-restore has not ended within 60 s', 'no end after a minute')
        with mock.patch.object(firewall, 'run', side_effect=late):
            self.assertFalse(self.firewall.restore(''))
        self.assertEqual(self.said, ['iptables-restore: No such file or directory',
                                     'iptables-restore: no end after a minute'])
