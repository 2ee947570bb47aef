"""HAProxy and iptables-restore judge what a gateway gives them. They are not on every machine: test/node has the caller."""
import os
import random
import re
import subprocess
import tempfile
import unittest

from kstack import endpoints, exposed, gateway, haproxy, netfilter
from objects import any_services, endpoints as pods, service

SHARE = os.path.join(os.path.dirname(exposed.__file__), '../../gateway/haproxy.cfg')


def accepted(command, text=''):
    done = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _ = done.communicate(text.encode())
    return output.decode() if done.returncode else ''


class Programs(unittest.TestCase):
    restore = ['unshare', '-r', '-n', 'iptables-restore', '--noflush']

    def test_for_any_Services_HAProxy_accepts_the_configuration_and_the_kernel_the_rules(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        with open(SHARE) as file:
            template = re.sub(r'/run/[-\w]+/', folder.name + '/', file.read())
        template = re.sub(r'(?m)^ {4}(user|group|chroot) .*\n', '', template)
        with open(os.path.join(folder.name, 'servers'), 'w') as file:
            file.write('1\n')
        release = haproxy.release_of(subprocess.check_output(['haproxy', '-v']).decode())
        chosen, listeners = random.Random(2), 0
        for number in range(12):
            services = any_services(chosen) + [service('good', [1, {'port': 2, 'protocol': 'UDP'}])]
            found = {}
            for index, one in enumerate(services):
                metadata = one['metadata']
                addresses = ['10.244.%d.%d' % (pod % 3, pod + 2) for pod in range((index + number) % 4)]
                ports = [dict(port, port=port['port'] + 1000) for port in one['spec']['ports']]
                found[metadata['namespace'], metadata['name']] = endpoints.parse(
                    pods(metadata['name'], addresses, ports, metadata['namespace']))
            good, _ = exposed.exposed(one for one in map(exposed.parse, services) if one is not None)
            tcp, udp = gateway.plan(good, lambda one: found[one.namespace, one.name])
            listeners += len(tcp)
            file = os.path.join(folder.name, 'haproxy.cfg')
            with open(file, 'w') as written:
                written.write(haproxy.configuration(template, release, tcp)[1])
            self.assertEqual(accepted(['haproxy', '-c', '-q', '-f', file]), '')
            inside = [[], ['10.244.0.0/16', '10.0.0.11']][number % 2]
            rules = netfilter.rules(tcp, udp, ['10.0.0.21', '10.0.0.20'], inside, tcp[:1])
            self.assertEqual(accepted(self.restore, rules), '', rules)
        self.assertGreaterEqual(listeners, 12)

    def test_the_kernel_refuses_rules_that_are_wrong(self):
        wrong = '*nat\n:X - [0:0]\n-A X -p udp -m udp --dport 53 -j DNAT --to-destination nowhere\nCOMMIT\n'
        self.assertNotEqual(accepted(self.restore, wrong), '')
