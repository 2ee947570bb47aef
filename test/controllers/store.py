"""Objects of an API in memory, for server.Server: lists, watches, and what is written."""
import copy
import threading
from urllib.parse import parse_qs, urlsplit

COLLECTIONS = {'/api/v1/services': 'services', '/api/v1/nodes': 'nodes', '/api/v1/endpoints': 'endpoints',
               '/api/v1/events': 'events', '/api/v1/configmaps': 'configmaps'}


class Store(object):
    def __init__(self):
        self.condition = threading.Condition()
        self.objects = {name: {} for name in COLLECTIONS.values()}
        self.version = 0
        self.changes = []
        self.written = []
        self.available = True

    def put(self, kind, one):
        with self.condition:
            metadata = one['metadata']
            self.version += 1
            one = dict(one, metadata=dict(metadata, resourceVersion=str(self.version)))
            self.objects[kind][(metadata.get('namespace', ''), metadata['name'])] = one
            self.changes.append((self.version, kind, 'MODIFIED', one))
            self.condition.notify_all()
            return one

    def remove(self, kind, namespace, name):
        with self.condition:
            self.version += 1
            one = self.objects[kind].pop((namespace, name))
            one = dict(one, metadata=dict(one['metadata'], resourceVersion=str(self.version)))
            self.changes.append((self.version, kind, 'DELETED', one))
            self.condition.notify_all()

    def get(self, kind, name, namespace=''):
        with self.condition:
            return copy.deepcopy(self.objects[kind].get((namespace, name)))

    def close(self):
        """No answers from now on, and no changes in watches."""
        with self.condition:
            self.available = False
            self.condition.notify_all()

    def answers(self, method, where, body):
        if not self.available:
            return 503, {'message': 'not available'}
        where, query = urlsplit(where).path, parse_qs(urlsplit(where).query)
        if where in COLLECTIONS:
            kind = COLLECTIONS[where]
            if 'watch' in query:
                return 200, self.watch(kind, int(query['resourceVersion'][0]))
            with self.condition:
                return 200, {'metadata': {'resourceVersion': str(self.version)}, 'items': list(self.objects[kind].values())}
        return self.one(method, where.strip('/').split('/')[2:], body)

    def watch(self, kind, version):
        while True:
            with self.condition:
                self.condition.wait_for(lambda: self.version > version or not self.available, 1)
                found = [change for change in self.changes if change[0] > version]
                version = self.version
            if not self.available:
                return
            for _, changed, how, one in found:
                if changed == kind:
                    yield {'type': how, 'object': one}

    def one(self, method, parts, body):
        namespace = ''
        if parts[0] == 'namespaces':
            namespace, parts = parts[1], parts[2:]
        kind, name = parts[0], parts[1] if len(parts) > 1 else body['metadata']['name']
        present = self.get(kind, name, namespace)
        if method == 'POST' and present is not None:
            return 409, {'message': '%s is there' % name, 'reason': 'AlreadyExists'}
        if method != 'POST' and present is None:
            return 404, {'message': '%s %s not found' % (kind, name), 'reason': 'NotFound'}
        if method == 'GET':
            return 200, present
        if method == 'PUT' and body['metadata']['resourceVersion'] != present['metadata']['resourceVersion']:
            return 409, {'message': 'changed', 'reason': 'Conflict'}
        if method == 'PATCH':
            body = merged(present, body)
        self.written.append((method, '/'.join([kind, name] + parts[2:])))
        return 200, self.put(kind, dict(body))


def merged(one, patch):
    if not isinstance(patch, dict):
        return patch
    one = dict(one) if isinstance(one, dict) else {}
    for key, value in patch.items():
        if value is None:
            one.pop(key, None)
        else:
            one[key] = merged(one.get(key), value)
    return one
