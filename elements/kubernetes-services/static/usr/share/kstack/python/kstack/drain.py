"""The pods of a node: `kubectl drain` evicts them, and those of a dead node are deleted."""
import re

from . import values
from .api import ApiError, path
from .programs import ProgramError, last_line, run

WHY = re.compile(r'^error when (?:evicting|deleting) .*?\): (.*)$', re.MULTILINE)


def drain(api, node, seconds, evict=True):
    """
    Whether all pods have ended within the time, and what kubectl printed. DaemonSets' and static pods stay. With evict,
    disruption budgets are respected. The node must be cordoned.
    """
    try:
        code, printed, errors = run(arguments(api, node, seconds, evict), seconds + 30)
    except ProgramError as error:
        return False, str(error)
    return code == 0, printed + errors


def arguments(api, node, seconds, evict):
    return [
        'kubectl', '--kubeconfig=/dev/null', '--server=https://' + api.server, '--certificate-authority=' + api.ca,
        '--client-certificate=' + api.certificate, '--client-key=' + api.key, '--request-timeout=15s',
        'drain', node, '--ignore-daemonsets', '--delete-emptydir-data', '--force', '--timeout=%ds' % seconds,
    ] + ([] if evict else ['--disable-eviction'])


def pods_of(api, node):
    """The pods of a node, as objects."""
    found = api.list('/api/v1/pods', {'fieldSelector': 'spec.nodeName=' + node})
    next(found)
    return found


def movable(pod):
    """NAMESPACE/NAME of a pod that a drain has to move, or None: it belongs to a DaemonSet, is static, or has ended."""
    pod = values.mapping(pod)
    metadata = values.mapping(pod.get('metadata'))
    kinds = [values.mapping(owner).get('kind') for owner in values.items(metadata.get('ownerReferences'))]
    ended = values.mapping(pod.get('status')).get('phase') in ('Succeeded', 'Failed')
    static = 'kubernetes.io/config.mirror' in values.mapping(metadata.get('annotations'))
    if 'DaemonSet' in kinds or 'Node' in kinds or ended or static:
        return None
    return '%s/%s' % (values.printable(metadata.get('namespace')), values.printable(metadata.get('name')))


def reasons(printed):
    """Why pods remain, from what `kubectl drain` has printed."""
    found = sorted(set(WHY.findall(printed)))
    return values.printable(' '.join(found) or last_line(printed), 500)


def what_remains(api, node, timeout, printed):
    """The pods that a drain left, with the reasons, for an answer."""
    try:
        names = ' '.join(name for name in map(movable, pods_of(api, node)) if name is not None)
    except ApiError:
        names = ''
    return 'pods remain after the drain timeout of %d s: %s: %s' % (
        timeout, values.printable(names or 'unknown', 2000), reasons(printed))


def delete_pods(api, node):
    """Deletes all pods of a dead node at once: its kubelet cannot confirm that they have stopped."""
    for pod in list(pods_of(api, node)):
        metadata = values.mapping(values.mapping(pod).get('metadata'))
        namespace, name = values.name(metadata.get('namespace')), values.name(metadata.get('name'))
        if namespace is None or name is None:
            continue
        try:
            api.delete(path('api', 'v1', 'namespaces', namespace, 'pods', name), {
                'gracePeriodSeconds': 0, 'propagationPolicy': 'Background',
                'preconditions': {'uid': values.text(metadata.get('uid'))},
            })
        except ApiError as error:
            # It has ended meanwhile, or another one has its name.
            if not error.not_found and not error.conflict:
                raise
