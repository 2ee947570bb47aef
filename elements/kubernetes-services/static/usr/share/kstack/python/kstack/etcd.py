"""etcd through etcdctl, as the API server: its client certificate is on every master."""
import datetime
import os

from . import etcd_members
from .clients import PKI
from .programs import ProgramError, output, run

LOCAL = 'https://127.0.0.1:2379'
SNAPSHOTS = '/var/lib/etcd/snapshots'
KEPT = 3  # snapshots
ENVIRONMENT = {
    'ETCDCTL_API': '3',
    'ETCDCTL_CACERT': PKI + 'etcd-ca.crt',
    'ETCDCTL_CERT': PKI + 'apiserver-etcd-client.crt',
    'ETCDCTL_KEY': PKI + 'apiserver-etcd-client.key',
}


def command(endpoint, *arguments):
    return ['etcdctl', '--endpoints=' + endpoint, '--dial-timeout=3s'] + list(arguments)


def members():
    """The members. Raises ProgramError."""
    printed = output(command(LOCAL, '--command-timeout=10s', '--write-out=json', 'member', 'list'), 30, ENVIRONMENT)
    try:
        return etcd_members.parse(printed)
    except ValueError as error:
        raise ProgramError('etcdctl prints what cannot be read: %s' % error)


def is_healthy(member):
    if not member.address:
        return False
    return run(command(member.address, '--command-timeout=5s', 'endpoint', 'health'), 20, ENVIRONMENT)[0] == 0


def move_leader(member, to):
    """If the member is the leader, another one takes over: no election is needed then. A failure does not matter."""
    if not member.address:
        return
    status = command(member.address, '--command-timeout=5s', '--write-out=json', 'endpoint', 'status')
    code, printed, _ = run(status, 20, ENVIRONMENT)
    if code == 0 and etcd_members.leads(printed):
        run(command(member.address, '--command-timeout=5s', 'move-leader', '%x' % to.id), 20, ENVIRONMENT)


def remove(member):
    """Removes a member by its ID. Raises ProgramError."""
    output(command(LOCAL, '--command-timeout=15s', 'member', 'remove', '%x' % member.id), 30, ENVIRONMENT)


def save_snapshot(title, seconds):
    """Saves a snapshot as TIME-TITLE.db, for root only, and keeps the newest ones. Raises ProgramError."""
    name = '%s-%s.db' % (datetime.datetime.utcnow().strftime('%Y%m%dT%H%M%SZ'), title)
    try:
        os.makedirs(SNAPSHOTS, mode=0o700, exist_ok=True)
        output(command(LOCAL, 'snapshot', 'save', os.path.join(SNAPSHOTS, name)), seconds, ENVIRONMENT)
        for old in older(KEPT):
            os.remove(old)
    except OSError as error:
        raise ProgramError('%s: %s' % (SNAPSHOTS, error.strerror))


def older(kept):
    """The snapshots except the newest ones."""
    files = [os.path.join(SNAPSHOTS, one) for one in os.listdir(SNAPSHOTS) if one.endswith('.db')]
    return sorted(files, key=os.path.getmtime, reverse=True)[kept:]
