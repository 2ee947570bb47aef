"""
Heat's software deployments on this node: asks Heat for them, runs what they mean (deployments.py), each once, and signals
the results. The main one is kstack-leave, which runs before Heat deletes the server.
"""
import json
import os
import random
import re
import signal
import subprocess
import time
import traceback

from . import deployments
from .deployments import Refused, decide
from .heat import Heat, HeatError, allows_http, credentials
from .log import Repeated, say
from .values import mapping, text

CREDENTIALS = '/var/lib/heat-cfntools/cfn-init-data'
DEPLOYMENTS = '/var/lib/kstack/deployments'
NODE_ENV = '/etc/kstack/node.env'
READY = '/etc/kstack/signals/ready'

# Bytes of each output that Heat gets.
OUTPUT = 4000


def content(path):
    """The text of a file; '' if it cannot be read."""
    try:
        with open(path, encoding='utf-8', errors='replace') as file:
            return file.read()
    except OSError:
        return ''


def http_allowed():
    return allows_http(content(NODE_ENV), content(READY))


def own(given):
    """
    The server's credentials in the text of cloud-init's file, the stack (NAME/ID) and the resource. None while cloud-init
    has not written all of it.
    """
    try:
        heat = mapping(mapping(mapping(json.loads(given)).get('os-collect-config')).get('heat'))
    except (ValueError, RuntimeError):
        return None
    user, stack, resource = credentials(heat), text(heat.get('stack_id')), text(heat.get('resource_name'))
    return (user, stack, resource) if user and stack and resource else None


def tail(path):
    """The end of an output, without control characters."""
    with open(path, 'rb') as file:
        file.seek(max(0, os.path.getsize(path) - OUTPUT))
        end = file.read()
    return re.sub(r'[\x00-\x08\x0b-\x1f]', '', end.decode('utf-8', 'replace'))


def outcome(code, stdout, stderr):
    """A result as Heat takes it."""
    return {'deploy_stdout': stdout, 'deploy_stderr': stderr, 'deploy_status_code': code}


def run(program, environment, folder, limit):
    """
    Runs a program, and kills it with all that it started after a number of seconds. Output goes to files in a folder.

    Returns its exit code; 124 if it was killed.
    """
    with open(os.path.join(folder, 'stdout'), 'wb') as out, open(os.path.join(folder, 'stderr'), 'wb') as err:
        try:
            child = subprocess.Popen([program], stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True,
                                     env=dict(os.environ, **environment))
        except OSError as error:
            err.write(('cannot run %s: %s\n' % (program, error.strerror)).encode())
            return 127
        try:
            code = child.wait(limit)
            return code if code >= 0 else 128 - code
        except subprocess.TimeoutExpired:
            end(child)
            err.seek(0, os.SEEK_END)
            err.write(('killed after the time limit of %d s\n' % limit).encode())
            return 124


def end(child):
    """Ends a process group: first by request, then by force."""
    for how, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, None)):
        try:
            os.killpg(child.pid, how)
        except OSError:
            pass  # none is left
        try:
            child.wait(patience)
        except subprocess.TimeoutExpired:
            pass


class Records(object):
    """What is done, on disk: ID/result.json if the deployment has run, ID/signalled if Heat has the result."""
    def __init__(self, folder):
        self.folder = folder

    def path(self, deployment, name=''):
        return os.path.join(self.folder, deployment.id, name)

    def has(self, deployment, name):
        return os.path.exists(self.path(deployment, name))

    def make(self, deployment):
        """The folder of a deployment."""
        os.makedirs(self.path(deployment), exist_ok=True)
        return self.path(deployment)

    def write(self, deployment, name, data):
        """Writes a file whole or not at all: the agent may be stopped at any time."""
        with open(self.path(deployment, name + '.new'), 'wb') as file:
            file.write(data)
        os.rename(self.path(deployment, name + '.new'), self.path(deployment, name))

    def result(self, deployment):
        with open(self.path(deployment, 'result.json'), 'rb') as file:
            return file.read()


class Agent(object):
    """
    programs  folder of the programs of the image
    margin    seconds that a program may run beyond its input drain_timeout
    """
    def __init__(self, programs, margin, records, allowed=http_allowed):
        self.programs = programs
        self.margin = margin
        self.records = records
        self.allowed = allowed
        self.problems = Repeated()
        self.heat = None

    def poll(self):
        """Runs and signals the deployments that Heat has now. Whether all went well, as far as requests go."""
        given = own(content(CREDENTIALS))
        if given is None:
            return False
        user, stack, resource = given
        if self.heat is None or self.heat.user != user:
            self.heat = Heat(user, self.allowed)
        try:
            found = deployments.read(self.heat.metadata(stack, resource))
        except HeatError as error:
            self.problems.now([str(error)])
            return False
        wrong = []
        for one in found:
            try:
                self.handle(one)
            except HeatError as error:
                wrong.append(str(error))
            except Exception:
                wrong.append('deployment %s: %s' % (one.id, traceback.format_exc()))
        self.problems.now(wrong)
        return not wrong

    def handle(self, deployment):
        """Raises HeatError if Heat does not get the result."""
        if self.records.has(deployment, 'signalled'):
            return
        self.records.make(deployment)
        if not self.records.has(deployment, 'result.json'):
            result = self.act(deployment)
            self.records.write(deployment, 'result.json', json.dumps(result).encode())
        self.signal(deployment)

    def act(self, deployment):
        """Does what a deployment means, and gives the result."""
        try:
            program, environment = decide(deployment)
        except Refused as error:
            say('deployment %s: refused: %s' % (deployment.id, error))
            return outcome(1, '', '%s\n' % error)
        limit = deployments.limit(environment, self.margin)
        say('deployment %s: %s started, time limit %d s' % (deployment.id, program, limit))
        folder = self.records.make(deployment)
        code = run(os.path.join(self.programs, program), environment, folder, limit)
        stdout, stderr = (tail(os.path.join(folder, name)) for name in ('stdout', 'stderr'))
        for line in (stdout + '\n' + stderr).splitlines():
            if line:
                say(line)
        say('deployment %s: exit code %d' % (deployment.id, code))
        return outcome(code, stdout, stderr)

    def signal(self, deployment):
        """Sends the result, as the user that Heat created for this deployment."""
        given = deployment.inputs
        if given.get('deploy_signal_transport') == 'HEAT_SIGNAL':
            user = credentials(given, 'deploy_')
            if user is None:
                raise HeatError('deployment %s: its inputs have no credentials for the signal' % deployment.id)
            Heat(user, self.allowed).signal(text(given.get('deploy_stack_id')), text(given.get('deploy_resource_name')),
                                            self.records.result(deployment))
        self.records.write(deployment, 'signalled', b'')
        say('deployment %s: signalled' % deployment.id)


def pause(failures):
    """Seconds until the next poll: random, so that many nodes do not ask together, and more while requests fail."""
    return random.uniform(8, 12) if failures < 6 else random.uniform(20, 29)


def main():
    os.umask(0o077)
    os.makedirs(DEPLOYMENTS, exist_ok=True)
    agent = Agent(os.environ.get('KSTACK_AGENT_PROGRAMS', '/usr/local/sbin'),
                  int(os.environ.get('KSTACK_AGENT_MARGIN', '240')), Records(DEPLOYMENTS))
    failures = 0
    while True:
        failures = 0 if agent.poll() else failures + 1
        time.sleep(float(os.environ.get('KSTACK_AGENT_PAUSE') or pause(failures)))
