"""What the API has of one resource, kept up to date by a list and a watch, in a thread of its own."""
import os
import random
import threading
import time
import traceback

from .api import ApiError
from .log import say


class Mirror(object):
    """
    Objects by (namespace, name). A watch that ends is resumed where it ended; if that is too long ago, the list is read
    again, so no change is missed.

    keep     what is kept of an object: a controller rarely needs the whole
    changed  is called after each change of what is kept; without arguments, in the mirror's thread
    optional whether nothing is kept, instead of nothing known, while this client may not read the resource
    """
    def __init__(self, api, where, query=None, keep=lambda one: one, changed=lambda: None, pause=time.sleep,
                 optional=False):
        self.api = api
        self.where = where
        self.query = query
        self.keep = keep
        self.changed = changed
        self.pause = pause
        self.optional = optional
        self.complete = threading.Event()
        self.lock = threading.Lock()
        self.objects = {}
        self.version = ''

    def start(self):
        thread = threading.Thread(target=self.run)
        thread.daemon = True
        thread.start()
        return self

    def all(self):
        """What is kept of all objects."""
        with self.lock:
            return list(self.objects.values())

    def one(self, name, namespace=''):
        with self.lock:
            return self.objects.get((namespace, name))

    def run(self):
        try:
            self.keep_up()
        except BaseException:
            # The other threads would go on with what was true once; systemd starts the program again.
            say(traceback.format_exc())
            os._exit(1)

    def keep_up(self):
        failures = 0
        reported = ''
        while True:
            try:
                self.follow()
                failures, reported = 0, ''
            except ApiError as error:
                if error.gone:
                    self.version = ''
                    continue
                failures += 1
                if self.optional and error.forbidden:
                    self.complete.set()
                if str(error) != reported:
                    reported = str(error)
                    say('%s: %s' % (self.where, reported))
                self.pause(delay(failures))

    def follow(self):
        """One list, if it is due, and one watch."""
        if not self.version:
            self.read()
        for kind, one in self.api.watch(self.where, self.version, self.query):
            self.apply(kind, one)

    def read(self):
        pages = self.api.list(self.where, self.query)
        version = next(pages)
        objects = {identity(one): self.keep(one) for one in pages}
        with self.lock:
            same = objects == self.objects and self.complete.is_set()
            self.objects = objects
        self.version = version
        self.complete.set()
        if not same:
            self.changed()

    def apply(self, kind, one):
        self.version = one['metadata']['resourceVersion']
        if kind == 'BOOKMARK':
            return
        key = identity(one)
        with self.lock:
            before = self.objects.get(key)
            if kind == 'DELETED':
                self.objects.pop(key, None)
                same = before is None
            else:
                kept = self.objects[key] = self.keep(one)
                same = kept == before
        if not same:
            self.changed()


def identity(one):
    metadata = one.get('metadata') or {}
    return metadata.get('namespace', ''), metadata.get('name', '')


def delay(failures):
    """Seconds until the next try: 1, 2, 4 ... 30, and at random times, so that many nodes do not ask together."""
    return min(30, 2 ** min(failures - 1, 5)) * random.uniform(0.5, 1.0)
