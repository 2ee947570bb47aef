import json
import os
import shutil
import tempfile
import time
import unittest

from kstack import agent
from kstack.deployments import Deployment

LEAVE = '#!/bin/bash\nexec /usr/local/sbin/kstack-leave\n'
HEAT = {'auth_url': 'https://k/v3', 'user_id': 'u', 'password': 'p', 'project_id': 'q', 'region_name': 'r',
        'stack_id': 'demo/id-1', 'resource_name': 'server'}
WRONG = (None, 0, True, '', 'x', [], [None], {}, {'heat': 7})


class Credentials(unittest.TestCase):
    def test_credentials_are_complete_or_none(self):
        user, stack, resource = agent.own(json.dumps({'os-collect-config': {'heat': HEAT}}))
        self.assertEqual((user.user_id, user.region, stack, resource), ('u', 'r', 'demo/id-1', 'server'))
        for text in ('', '{"os-collect-config": {"he', '[' * 100000):
            self.assertIsNone(agent.own(text))
        for wrong in WRONG:
            self.assertIsNone(agent.own(json.dumps(wrong)))
            self.assertIsNone(agent.own(json.dumps({'os-collect-config': wrong})))
            self.assertIsNone(agent.own(json.dumps({'os-collect-config': {'heat': wrong}})))
            for name in ('password', 'stack_id'):
                if wrong != 'x':
                    self.assertIsNone(agent.own(json.dumps({'os-collect-config': {'heat': dict(HEAT, **{name: wrong})}})))

    def test_a_poll_is_at_a_random_time_and_rarer_after_failures(self):
        for failures, least, most in ((0, 8, 12), (5, 8, 12), (6, 20, 29), (1000, 20, 29)):
            times = {agent.pause(failures) for _ in range(100)}
            self.assertTrue(len(times) > 50 and least <= min(times) and max(times) <= most)


class WithPrograms(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.agent = agent.Agent(self.folder, 0, agent.Records(os.path.join(self.folder, 'deployments')), lambda: False)

    def leaving(self, body):
        path = os.path.join(self.folder, 'kstack-leave')
        with open(path, 'w') as file:
            file.write('#!/bin/bash\n' + body)
        os.chmod(path, 0o755)

    def do(self, script=LEAVE, **inputs):
        one = Deployment('d-1', script, dict({'deploy_signal_transport': 'NO_SIGNAL'}, **inputs))
        self.agent.handle(one)
        with open(os.path.join(self.folder, 'deployments/d-1/result.json')) as file:
            return json.load(file)

    def test_a_program_runs_once_and_its_result_is_kept(self):
        self.leaving('echo "$drain_timeout"; echo why >&2; echo x >>%s/runs; exit 3' % self.folder)
        result = {'deploy_stdout': '300\n', 'deploy_stderr': 'why\n', 'deploy_status_code': 3}
        for _ in range(2):
            self.assertEqual(self.do(drain_timeout=300), result)
        with open(self.folder + '/runs') as file:
            self.assertEqual(file.read(), 'x\n')
        self.assertEqual(os.stat(self.folder + '/deployments/d-1/signalled').st_size, 0)

    def test_a_program_that_does_not_end_is_killed_with_its_children(self):
        self.leaving("trap '' TERM; sleep 60 & echo $! >%s/child; echo begun; exec sleep 60" % self.folder)
        began = time.monotonic()
        result = self.do(drain_timeout=1)
        self.assertEqual(result['deploy_status_code'], 124)
        self.assertEqual(result['deploy_stderr'], 'killed after the time limit of 1 s\n')
        self.assertLess(time.monotonic() - began, 20)
        with open(self.folder + '/child') as file:
            child = int(file.read())
        for _ in range(50):
            with open('/proc/%d/stat' % child) if os.path.exists('/proc/%d' % child) else open(os.devnull) as file:
                state = file.read()
            if not state or ' Z ' in state:
                return
            time.sleep(0.1)
        self.fail(state)

    def test_a_program_that_is_missing_or_killed_fails(self):
        self.assertEqual(self.do()['deploy_status_code'], 127)
        shutil.rmtree(self.folder + '/deployments')
        self.leaving('kill -KILL $$')
        self.assertEqual(self.do()['deploy_status_code'], 137)

    def test_an_unknown_script_fails_without_being_run(self):
        result = self.do('#!/bin/bash\ntouch %s/ran\n' % self.folder)
        self.assertEqual(result['deploy_status_code'], 1)
        self.assertIn('this image runs no such script: #!/bin/bash?touch', result['deploy_stderr'])
        self.assertFalse(os.path.exists(self.folder + '/ran'))

    def test_output_has_no_control_characters_and_its_end_is_kept(self):
        path = os.path.join(self.folder, 'output')
        with open(path, 'wb') as file:
            file.write(b'a' * 9000 + b'\x1b[31m\tend\xff\r\n\x00')
        text = agent.tail(path)
        self.assertRegex(text, '^a+\\[31m\tend\ufffd\n$')
        self.assertLessEqual(len(text), 4000)
