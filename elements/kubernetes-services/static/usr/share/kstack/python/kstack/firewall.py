"""Applies iptables rules, and deletes entries of connection tracking."""
import os

from . import netfilter
from .log import say
from .programs import ProgramError, attempt, run


def put_first(table, chain, rule):
    """Puts a rule before those of kube-proxy, unless it is there already. Whether it is in place then."""
    iptables = ['iptables', '-w', '-t', table]
    status, listed = attempt(*(iptables + ['-S', chain]))
    if status == 0 and netfilter.jump_is_first(listed, chain, ' '.join(rule)):
        return True
    # One at a time, and no more than there can be.
    for _ in range(100):
        if attempt(*(iptables + ['-D', chain] + rule))[0] != 0:
            break
    status, output = attempt(*(iptables + ['-I', chain, '1'] + rule))
    if status != 0:
        say('iptables: ' + output.strip())
    return status == 0


class Firewall(object):
    """
    addresses  those of the gateway, text
    folder     for the flows that were there before
    """
    def __init__(self, addresses, folder):
        self.addresses = addresses
        self.before = os.path.join(folder, 'flows.before')
        # Older releases do not have this option.
        self.waits = ['--wait', '5'] if '--wait' in attempt('iptables-restore', '--help')[1] else []

    def update(self, rules, flows):
        """Whether the rules are in place."""
        return self.restore(rules) and self.jumps() and self.forget(flows)

    def restore(self, rules):
        command = ['iptables-restore', '--noflush'] + self.waits
        try:
            status, output, _ = run(command, 60, given=rules, together=True)
        except ProgramError as error:
            status, output = 1, error.reason
        if status != 0:
            say('iptables-restore: ' + output.strip())
        return status == 0

    def jumps(self):
        for address in self.addresses:
            rule = ['-d', address + '/32', '-j', netfilter.CHAIN]
            if not put_first('nat', 'PREROUTING', rule) or not put_first('filter', 'INPUT', rule):
                return False
        return put_first('nat', 'POSTROUTING', ['-j', netfilter.CHAIN + '-OUT'])

    def forget(self, flows):
        """The kernel tracks where it sends each UDP flow; it is to forget those that go nowhere now."""
        try:
            with open(self.before) as file:
                before = netfilter.flows_of(file.read())
        except OSError:
            before = set()
        for port, ip in netfilter.stale(before, flows):
            for address in self.addresses:
                # It fails if there is no such flow.
                attempt('conntrack', '-D', '-p', 'udp', '--orig-dst', address, '--dport', str(port),
                        *(['--dst-nat', ip] if ip is not None else []))
        with open(self.before + '.part', 'w') as file:
            file.write(netfilter.flows_text(flows))
        os.rename(self.before + '.part', self.before)
        return True
