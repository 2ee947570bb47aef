"""One node that is drained or removed on request, in a thread of its own: a node that is stuck disturbs no other."""
import time
import traceback

from . import drain, etcd, etcd_members, leave_request, values
from .api import ApiError, path
from .log import Repeated, say
from .programs import ProgramError

ROUND = 15            # seconds of one drain; then it is checked whether it is still requested
WITHOUT_EVICTION = 30  # seconds for pods to stop that are deleted without eviction
SNAPSHOT = 60         # seconds for the snapshot of etcd before a member is removed


class Ended(Exception):
    """The request has changed or is withdrawn, or this master no longer holds the API address: nothing is to be done."""


class Unmet(Exception):
    """The request cannot be met; the text is the reason for whoever asked."""


class Leaver(object):
    """
    Meets the request for the node `name`, until it is met, withdrawn, or another master's to meet.

    common  what the nodes share, a leavers.Leavers
    began   when the request was first seen, of time.monotonic
    """
    def __init__(self, common, name, began):
        self.common = common
        self.api = common.api
        self.name = name
        self.where = path('api', 'v1', 'nodes', name)
        self.began = began
        self.started = ''
        self.problems = Repeated(lambda message: self.say(message))

    def say(self, message):
        say('%s: %s' % (self.name, values.printable(message, 3000)))

    def run(self):
        while True:
            try:
                node = self.read()
                if node is None or not node.asks or not self.common.holds():
                    return
                self.meet(node)
                return
            except Ended:
                pass
            except Unmet as reason:
                if self.failed(str(reason)):
                    return
            except (ApiError, ProgramError) as error:
                self.problems.now([str(error)])
            except Exception:
                self.problems.now([traceback.format_exc()])
            time.sleep(self.common.times.pause)

    def read(self):
        """The node as it is now, or None if it does not exist."""
        try:
            return leave_request.parse(self.api.get(self.where))
        except ApiError as error:
            if error.not_found:
                return None
            raise

    def still(self, node):
        """The node as it is now. Raises Ended unless the request is unchanged and this master's to meet."""
        now = self.read() if self.common.holds() else None
        if now is None or now.uid != node.uid or now.action != node.action:
            raise Ended()
        return now

    def answer(self, state, uncordon=False):
        self.say(state)
        self.common.answered(self.name)
        self.api.patch(self.where, leave_request.answer(state, uncordon))

    def failed(self, reason):
        """Ends the request, and uncordons the node unless an operator had cordoned it. Whether that has succeeded."""
        try:
            node = self.read()
            if node is not None:
                self.answer('failed: ' + reason, node.cordoned)
            return True
        except ApiError as error:
            self.problems.now([str(error)])
            return False

    def meet(self, node):
        if node.wrong:
            raise Unmet(node.wrong)
        # A master does not remove itself: its API server stops with its etcd member. It hands over the API address first.
        if node.action != 'drain' and self.name == self.common.name:
            raise Ended()
        if node.action != self.started:
            self.started = node.action
            self.say('processing the request leave=' + node.action)
        if node.action != 'drain':
            self.removable_member()
        if not node.unschedulable:
            self.api.patch(self.where, leave_request.cordon())
        if node.action == 'dead':
            drain.delete_pods(self.api, self.name)
        else:
            self.drain(node)
        node = self.still(node)
        if node.action == 'drain':
            return self.answer('drained')
        self.leave_etcd(node)
        self.wait_for_volumes(node)
        self.delete(node)

    def drain(self, node):
        while leave_request.takes_pods_of(node, self.common.nodes()):
            seconds = max(1, min(ROUND, int(self.began + node.timeout - time.monotonic())))
            done, printed = drain.drain(self.api, self.name, seconds)
            if done:
                return
            node = self.still(node)
            if time.monotonic() >= self.began + node.timeout:
                if not node.force:
                    raise Unmet(drain.what_remains(self.api, self.name, node.timeout, printed))
                self.say('drain timeout reached; deleting the remaining pods (force)')
                break
            time.sleep(self.common.times.pause)
        # Without regard to disruption budgets: no node could meet them, or the request has force.
        done, printed = drain.drain(self.api, self.name, WITHOUT_EVICTION, evict=False)
        if not done:
            self.say('removed with pods on it: ' + drain.reasons(printed))

    def removable_member(self):
        """This node's etcd member and the healthy voters besides it. Raises Unmet if it may not be removed."""
        members = etcd.members()
        try:
            own = etcd_members.own(members, self.name)
        except ValueError as error:
            raise Unmet(str(error))
        if own is None or own.learner:
            return own, []
        others = etcd_members.voters(members, own)
        healthy = [one for one in others if etcd.is_healthy(one)]
        obstacle = etcd_members.obstacle(others, healthy)
        if obstacle:
            raise Unmet(obstacle)
        return own, healthy

    def leave_etcd(self, node):
        # One member at a time: two that are checked at once would each count the other as healthy.
        with self.common.etcd:
            if self.removable_member()[0] is None:
                return
            self.still(node)
            if node.action != 'dead':
                self.wait_for_stopped_control_plane()
            self.release_leases()
            try:
                etcd.save_snapshot('before-%s-left' % self.name, SNAPSHOT)
            except ProgramError as error:
                self.say(str(error))
                raise Unmet('the etcd snapshot failed')
            # Much may have changed meanwhile.
            self.still(node)
            own, healthy = self.removable_member()
            if own is None:
                return
            if node.action != 'dead' and healthy:
                etcd.move_leader(own, healthy[-1])
            etcd.remove(own)

    def wait_for_stopped_control_plane(self):
        """
        The master's API server stops while its etcd still answers, so that it removes itself from the Service
        `kubernetes`.
        """
        end = time.monotonic() + self.common.times.control_plane
        self.api.patch(self.where, leave_request.drained())
        while time.monotonic() < end:
            now = self.read()
            if now is None or now.silent:
                return
            time.sleep(self.common.times.pause)
        self.say('timed out waiting for its control plane to stop')

    def release_leases(self):
        """Otherwise controller manager and scheduler of another master wait until the leases of this one expire."""
        for lease in ('kube-controller-manager', 'kube-scheduler'):
            where = path('apis', 'coordination.k8s.io', 'v1', 'namespaces', 'kube-system', 'leases', lease)
            try:
                spec = values.mapping(self.api.get(where).get('spec'))
                if values.text(spec.get('holderIdentity')).startswith(self.name + '_'):
                    self.api.patch(where, {'spec': {'holderIdentity': ''}})
            except ApiError as error:
                if not error.not_found:
                    self.say('the lease %s is not released: %s' % (lease, error))

    def wait_for_volumes(self, node):
        if node.action == 'dead':
            return
        end = max(self.began + node.timeout, time.monotonic() + self.common.times.volumes)
        while True:
            attached = self.attached_volumes()
            if not attached:
                return
            if time.monotonic() >= end:
                return self.say('removed with attached volumes: ' + ' '.join(attached))
            self.still(node)
            time.sleep(self.common.times.pause)

    def attached_volumes(self):
        found = self.api.list('/apis/storage.k8s.io/v1/volumeattachments')
        next(found)
        return [values.text(values.mapping(one.get('metadata')).get('name')) for one in map(values.mapping, found)
                if values.mapping(one.get('spec')).get('nodeName') == self.name]

    def delete(self, node):
        try:
            self.api.delete(self.where, {'preconditions': {'uid': node.uid}} if node.uid else None)
        except ApiError as error:
            if not error.not_found:
                raise
        self.say('removed')
