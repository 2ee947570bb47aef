import base64
import random
import unittest

from kstack import deployments
from kstack.deployments import Deployment, Refused, decide

LEAVE = '#!/bin/bash\nexec /usr/local/sbin/kstack-leave\n'
SIGN = '#!/bin/bash\nexec /usr/local/sbin/kstack-sign-operator\n'
PEM = '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n'
WRONG = (None, 0, 1.5, True, '', 'x', 'x\ny', [], ['a'], {}, {'a': {}}, 'x' * 100000, '\x00', '\ud800')


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def deployment(script, **inputs):
    return Deployment('d-1', script, inputs)


class Deployments(unittest.TestCase):
    def test_only_known_scripts_are_run(self):
        self.assertEqual(decide(deployment(LEAVE))[0], 'kstack-leave')
        self.assertEqual(decide(deployment(LEAVE.rstrip()))[0], 'kstack-leave')
        self.assertEqual(decide(deployment(SIGN))[0], 'kstack-sign-operator')
        for script in ('', 'reboot', LEAVE + 'reboot\n', LEAVE.replace('leave', 'leave;reboot'), ' ' + LEAVE,
                       LEAVE.replace('\n', '\r\n'), '/usr/local/sbin/kstack-leave', LEAVE + SIGN):
            with self.assertRaises(Refused) as raised:
                decide(deployment(script))
            self.assertIn('this image runs no such script: ', str(raised.exception))
            self.assertNotIn('\n', str(raised.exception))

    def test_a_program_gets_its_known_inputs_only(self):
        given = {'drain_timeout': '300', 'drain_force': False, 'PATH': '/tmp', 'deploy_password': 'secret'}
        self.assertEqual(decide(deployment(LEAVE, **given)),
                         ('kstack-leave', {'drain_timeout': '300', 'drain_force': 'false'}))
        self.assertEqual(decide(deployment(LEAVE, drain_timeout=None, drain_force='')), ('kstack-leave', {}))

    def test_a_drain_timeout_is_a_number_in_range(self):
        for value, text in ((300, '300'), ('300', '300'), (300.0, '300'), ('300.5', '300'), (0, '0'), ('0', '0'),
                            (43200, '43200')):
            self.assertEqual(deployments.seconds(value), text)
        for value in (-1, '-1', 43201, '1e3', ' 1', '1 ', '1;x', True, float('nan'), float('inf'), 10 ** 400, '9' * 500):
            self.assertIsNone(deployments.seconds(value), value)

    def test_a_switch_is_true_or_false(self):
        for value in (True, 'True', 'true', 1, '1', 'yes'):
            self.assertEqual(deployments.switch(value), 'true')
        for value in (False, 'False', 'false', 0, '0', 'no'):
            self.assertEqual(deployments.switch(value), 'false')
        for value in ('x', 'true\n', 2, [], {}, 'falsehood'):
            self.assertIsNone(deployments.switch(value), value)

    def test_an_operator_has_a_plain_name(self):
        self.assertEqual(deployments.operator('jane.doe-1'), 'jane.doe-1')
        for value in ('', 'a/O=system:masters', 'a\n', 'A', 'a' * 65, '-a', None, 7):
            self.assertIsNone(deployments.operator(value), value)

    def test_a_request_is_one_PEM_of_limited_size(self):
        self.assertEqual(deployments.request(encoded(PEM)), encoded(PEM))
        broken = encoded(PEM)[:20] + '\n' + encoded(PEM)[20:]
        self.assertEqual(deployments.request(broken), encoded(PEM), 'on one line')
        for text in ('', 'AAAA', PEM + PEM, PEM + 'x', 'x' + PEM, PEM.replace('AAAA', '\x00'), PEM.replace('AAAA', 'A\x1b'),
                     PEM.replace('REQUEST', 'X'), PEM.replace('AAAA', 'A' * 9000), PEM.replace('AAAA', '\u00e9')):
            self.assertIsNone(deployments.request(encoded(text)), text)
        for value in ('*', PEM, None, 7, 'A' * 10 ** 6):
            self.assertIsNone(deployments.request(value))

    def test_a_wrong_input_is_refused_by_name(self):
        with self.assertRaises(Refused) as raised:
            decide(deployment(LEAVE, drain_timeout='300; reboot\n'))
        self.assertEqual(str(raised.exception),
                         'kstack-leave was not run, because its input drain_timeout is not valid: 300; reboot?')

    def test_the_time_limit_follows_from_the_drain_timeout(self):
        self.assertEqual(deployments.limit({'drain_timeout': '300'}, 240), 540)
        self.assertEqual(deployments.limit({}, 240), 600)

    def test_deployments_of_other_groups_or_without_an_identity_are_not_ours(self):
        good = {'id': 'd-1', 'group': 'script', 'config': LEAVE, 'inputs': [{'name': 'drain_force', 'value': True}]}
        given = [dict(good, group='puppet'), dict(good, id='../x'), dict(good, id='x' * 65), good]
        self.assertEqual(deployments.read({'metadata': {'deployments': given}}),
                         [Deployment('d-1', LEAVE, {'drain_force': True})])

    def test_malformed_metadata_disturbs_no_other_deployment(self):
        good = {'id': 'd-1', 'group': 'script', 'config': LEAVE, 'inputs': []}
        chosen = random.Random(7)
        for wrong in WRONG:
            self.assertEqual(deployments.read(wrong), [])
            self.assertEqual(deployments.read({'metadata': wrong}), [])
            self.assertEqual(deployments.read({'metadata': {'deployments': wrong}}), [])
            found = deployments.read({'metadata': {'deployments': [wrong, good]}})
            self.assertEqual([one.id for one in found], ['d-1'])
            for key in ('id', 'config', 'group', 'inputs'):
                deployments.read({'metadata': {'deployments': [dict(good, **{key: wrong})]}})
            for name in ('drain_timeout', 'drain_force', 'operator', 'request'):
                for script in (LEAVE, SIGN, str(wrong)):
                    one = dict(good, config=script, inputs=[wrong, {'name': wrong}, {'name': name, 'value': wrong}])
                    for read in deployments.read({'metadata': {'deployments': [one, chosen.choice(WRONG)]}}):
                        try:
                            for value in decide(read)[1].values():
                                self.assertRegex(value, r'\A[ -~]*\Z')
                        except Refused as error:
                            self.assertLess(len(str(error)), 400)
