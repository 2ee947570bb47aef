"""
Drains and removes nodes on request (leave_request.py), on the master that holds the API address. Another master that gets
the address goes on where this one has stopped: all actions may be repeated.
"""
import collections
import os
import threading
import time

from . import api_address, clients, leave_request, values
from .leaver import Leaver
from .loop import Loop
from .mirror import Mirror
from .settings import Settings

# In seconds: between two looks, for volumes to be detached if the drain timeout is over by then, for a master to stop its
# control plane.
Times = collections.namedtuple('Times', 'pause volumes control_plane')


class Leavers(object):
    """
    What the nodes with a request share.

    api    as kstack-leavers
    name   of this master
    holds  a function that says whether this master holds the API address
    """
    def __init__(self, api, name, holds, times):
        self.api = api
        self.name = name
        self.holds = holds
        self.times = times
        self.etcd = threading.Lock()  # held while a member is removed
        self.lock = threading.Lock()
        self.began = {}   # when the request for a node was first seen
        self.active = set()  # nodes with a thread
        self.mirror = Mirror(api, '/api/v1/nodes', keep=leave_request.parse, changed=lambda: self.loop.wake())
        self.loop = Loop(self.look, period=times.pause, settle=0)

    def nodes(self):
        """All nodes."""
        return [node for node in self.mirror.all() if node is not None]

    def run(self):
        self.mirror.start()
        self.mirror.complete.wait()
        self.loop.run()

    def look(self):
        """Starts a thread for each node with a request."""
        asking = set(node.name for node in self.nodes() if node.asks)
        now = time.monotonic()
        with self.lock:
            # A master that gets the address during a drain gives it the time that remains.
            self.began = {name: self.began.get(name, now) for name in asking}
            begin = asking - self.active
        if not begin or not self.holds():
            return
        for name in sorted(begin):
            with self.lock:
                self.active.add(name)
                began = self.began[name]
            thread = threading.Thread(target=self.meet, args=(Leaver(self, name, began),))
            thread.daemon = True
            thread.start()

    def meet(self, leaver):
        try:
            leaver.run()
        finally:
            with self.lock:
                self.active.discard(leaver.name)

    def answered(self, name):
        """A new request gets the whole drain timeout again."""
        with self.lock:
            self.began.pop(name, None)


def main():
    os.umask(0o077)
    settings = Settings()
    api = clients.of_master('kstack-leavers')
    api.server = settings.text('KSTACK_LEAVERS_API', api.server)
    address = settings.address('API_ADDRESS')

    def seconds(name, default):
        return float(settings.text(name, default))
    times = Times(seconds('KSTACK_LEAVERS_PAUSE', '2'), seconds('KSTACK_LEAVERS_VOLUME_TIMEOUT', '60'),
                  seconds('KSTACK_LEAVERS_CONTROL_PLANE_TIMEOUT', '30'))
    Leavers(api, settings.parsed('NODE_NAME', values.name), lambda: api_address.holds(address), times).run()
