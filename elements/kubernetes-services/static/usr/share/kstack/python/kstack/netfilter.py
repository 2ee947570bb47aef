"""The rules of the kernel on a gateway, for iptables-restore, and the UDP flows that they make. No input and output."""
from . import values

CHAIN = 'KSTACK-GATEWAY'

# The security group decides who may connect to SSH. DHCP servers are outside of the cluster.
OF_NODE = {('tcp', 22), ('udp', 68)}


def accepting(forwarded):
    """An accepted packet skips the rules of kube-proxy for the same address, and reaches HAProxy."""
    return '-A %s -p tcp -m tcp --dport %d -j ACCEPT' % (CHAIN, forwarded.port.number)


def forwarding(forwarded):
    """Rules for an exposed UDP port: each takes its share of the packets that the rules before it do not match."""
    service, count = forwarded.service, len(forwarded.targets)
    for source in [' -s ' + one for one in service.sources] if service.limited else ['']:
        for index, (ip, target) in enumerate(forwarded.targets):
            share = ' -m statistic --mode random --probability %.12g' % (1 / (count - index)) if index + 1 < count else ''
            yield '-A %s%s -p udp -m udp --dport %d%s -j DNAT --to-destination %s:%d' % (
                CHAIN, source, forwarded.port.number, share, ip, target)


def closing(returned, inside):
    """
    Rules that reject what comes from outside to ports of this node itself: programs in the host's network listen on more
    than what is exposed. Replies, and what a rule of the table nat has sent here, are not rejected.

    returned  (protocol, port) of exposed ports without a rule so far: those of other programs, or without pods, which
              kube-proxy rejects
    """
    yield '-A %s -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j RETURN' % CHAIN
    for protocol, number in sorted(returned | OF_NODE):
        yield '-A %s -p %s -m %s --dport %d -j RETURN' % (CHAIN, protocol, protocol, number)
    for one in inside:
        yield '-A %s -s %s -j RETURN' % (CHAIN, one)
    yield '-A %s -p tcp -j REJECT --reject-with tcp-reset' % CHAIN
    yield '-A %s -p udp -j REJECT --reject-with icmp-port-unreachable' % CHAIN


def rules(tcp, udp, addresses, inside=(), busy=()):
    """
    The input of iptables-restore.

    addresses  those of the gateway
    inside     the addresses of nodes and the range of pods; if there are none, nothing is rejected
    busy       exposed TCP ports on which other programs of this node listen
    """
    lines = ['*nat', ':%s - [0:0]' % CHAIN, ':%s-OUT - [0:0]' % CHAIN]
    lines += [accepting(one) for one in tcp]
    for one in udp:
        lines += forwarding(one)
    lines += ['-A %s-OUT -p udp -m conntrack --ctstate DNAT --ctorigdst %s -j MASQUERADE' % (CHAIN, one)
              for one in addresses]
    lines += ['COMMIT', '*filter', ':%s - [0:0]' % CHAIN]
    lines += [accepting(one) for one in tcp if one.targets]
    if inside:
        returned = {('tcp', one.port.number) for one in list(busy) + [one for one in tcp if not one.targets]}
        lines += closing(returned | {('udp', one.port.number) for one in udp}, inside)
    return '\n'.join(lines + ['COMMIT']) + '\n'


def jump_is_first(listed, chain, rule):
    """
    Whether a chain has the rule before those of kube-proxy, which match the same addresses.

    listed  what `iptables -S` prints for the chain
    """
    for line in listed.splitlines():
        if line.rstrip() == '-A %s %s' % (chain, rule):
            return True
        if ' -j KUBE-' in line:
            return False
    return False


def flows(udp):
    """The flows that the kernel may have: (port, address, port of the pod)."""
    return {(one.port.number, ip, target) for one in udp for ip, target in one.targets}


def flows_text(found):
    return ''.join('%d %s %d\n' % one for one in sorted(found))


def flows_of(text):
    """The flows in a text; lines that are none are left out."""
    found = set()
    for line in text.splitlines():
        parts = line.split(' ')
        if len(parts) == 3 and values.address(parts[1]) is not None:
            numbers = values.number(parts[0], 1, 65535), values.number(parts[2], 1, 65535)
            if None not in numbers:
                found.add((numbers[0], parts[1], numbers[1]))
    return found


def stale(before, now):
    """
    The flows that the kernel is to forget, as (port, address of a pod or None for any): those to pods that are gone, and
    those from before the port was exposed, which would never reach a pod.
    """
    gone = {(port, ip) for port, ip, _ in before - now}
    new = {port for port, _, _ in now} - {port for port, _, _ in before}
    return sorted(gone) + [(port, None) for port in sorted(new)]
