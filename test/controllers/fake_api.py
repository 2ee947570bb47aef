"""
An API for the programs of a node that runs in a test, on 127.0.0.1:6443. Arguments: a folder for ca.crt and the client's
certificate, a file that gets what is written, and the name of the node. Each line of its input is a JSON array: the Services
and Endpoints that there are from then on; or "down" or "up".
"""
import json
import shutil
import sys

from server import Server
from store import Store

pki, certificate, log, node = sys.argv[1:]
store = Store()
store.put('nodes', {'metadata': {'name': node}})


def answers(method, where, body):
    status, value = store.answers(method, where, body)
    if method in ('POST', 'PATCH') and status == 200:
        with open(log, 'a') as file:
            file.write(json.dumps(body) + '\n')
    return status, value


server = Server(answers, port=6443)
shutil.copy(server.file('certificate'), pki)
with open(certificate, 'w') as file:
    for part in ('certificate', 'key'):
        with open(server.file(part)) as given:
            file.write(given.read())
print('ready', flush=True)
known = {}
for line in sys.stdin:
    given = json.loads(line)
    if isinstance(given, str):
        store.close() if given == 'down' else setattr(store, 'available', True)
        continue
    new = {('services' if one['kind'] == 'Service' else 'endpoints', one['metadata']['namespace'],
            one['metadata']['name']): one for one in given}
    for key in set(known) - set(new):
        store.remove(*key)
    for key, one in new.items():
        if known.get(key) != one:
            store.put(key[0], one)
    known = new
