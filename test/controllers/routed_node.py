"""
kstack-routes as demo-minion-0 in the network namespace that this program is started in, with a server that answers like
the API. Prints, as JSON, the routes of kstack-routes after each change.
"""
import ipaddress
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time

from kstack import cni, iproute, routes
from kstack.api import Api
from routes_test import OTHER, OWN, node
from server import Server


def ip(*arguments):
    return subprocess.check_output(('ip',) + arguments).decode()


def shown():
    return sorted(' '.join(line.split()) for line in ip('-4', 'route', 'show', 'protocol', '77').splitlines())


def until(condition):
    ends = time.monotonic() + 15
    while not condition() and time.monotonic() < ends:
        time.sleep(0.05)


changes, changes_of_records, readable = queue.Queue(), queue.Queue(), threading.Event()


def answers(_, where, __):
    if '/configmaps' in where:
        # As masters of an earlier release, until `readable`.
        if not readable.is_set():
            return 403, {'message': 'forbidden', 'reason': 'Forbidden'}
        if 'watch=' in where:
            return 200, iter(changes_of_records.get, None)
        return 200, {'metadata': {'resourceVersion': '1'}, 'items': [{'metadata': {'name': 'kstack-members'}, 'data': {
            'demo-minion-1': '{"address": "10.0.0.15"}'}}]}
    if 'watch=' in where:
        return 200, iter(changes.get, None)
    listed = [OWN, OTHER, node('demo-minion-2', '10.0.0.14', '10.244.3.0/24'),
              node('demo-minion-3', '10.0.0.5', '10.244.4.0/24'), node('demo-minion-4', '10.0.0.16', '10.0.0.0/24')]
    return 200, {'metadata': {'resourceVersion': '1'}, 'items': listed}


def change(kind, one):
    one['metadata'] = dict(one['metadata'], resourceVersion='2')
    changes.put({'type': kind, 'object': one})


for command in ('link set lo up', 'link add ens3 mtu 1450 type veth peer name switch', 'link set switch up',
                'addr add 10.0.0.12/24 dev ens3', 'link set ens3 up', 'route add 10.244.9.0/24 via 10.0.0.9',
                'route add 10.244.8.0/24 via 10.0.0.8 protocol 77'):
    ip(*command.split())
folder = tempfile.mkdtemp()
server = Server(answers)
api = Api(server.address, server.file('certificate'), server.file('certificate'), server.file('key'))
facts = routes.Given('demo-minion-0', ipaddress.IPv4Address('10.0.0.12'), ipaddress.IPv4Address('10.0.0.5'),
                     ipaddress.IPv4Network('10.244.0.0/16'), 24, os.path.join(folder, 'net.d/10-routed.conflist'),
                     os.path.join(folder, 'leases'))
loop = routes.start(api, facts, period=0.5)
threading.Thread(target=loop.run, daemon=True).start()

seen = {}
until(lambda: len(shown()) == 2 and '10.244.8.0/24' not in str(shown()))
seen['joined'] = shown()
for route in seen['joined']:
    ip('route', 'delete', route.split()[0])
until(lambda: len(shown()) == 2)
seen['deleted by hand'] = shown()
change('MODIFIED', node('demo-minion-1', '10.0.0.15', '10.244.2.0/24'))
until(lambda: '10.0.0.15' in str(shown()))
seen['moved'] = shown()
readable.set()
until(lambda: any('/configmaps' in where and 'watch=' in where for _, where in server.asked))
change('MODIFIED', node('demo-minion-1', '10.0.0.77', '10.244.2.0/24'))
time.sleep(1)
seen['lied'] = shown()
change('DELETED', node('demo-minion-2', '10.0.0.14', '10.244.3.0/24'))
until(lambda: len(shown()) == 1)
seen['left'] = shown()
written = cni.read(facts.file)
seen['bridge'] = [str(cni.range_in(written)), written['plugins'][0]['mtu']]
seen['masquerade'] = subprocess.check_output(('iptables', '-t', 'nat', '-S', 'POSTROUTING')).decode().count('MASQUERADE')
seen['others'] = ipaddress.IPv4Network('10.244.9.0/24') in iproute.routes()[1]
shutil.rmtree(folder)
print(json.dumps(seen), flush=True)
os._exit(0)
