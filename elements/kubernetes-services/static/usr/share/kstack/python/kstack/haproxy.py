"""The configuration of HAProxy on a gateway, from haproxy.cfg and the exposed TCP ports. No input and output."""
import hashlib
import re

SINCE = re.compile(r' # since ([0-9]+)\.([0-9]+)$')
PROXY = {None: '', 'v1': ' send-proxy check-send-proxy', 'v2': ' send-proxy-v2 check-send-proxy'}


def release_of(text):
    """The release of HAProxy, such as (2, 6), from what `haproxy -v` prints; (1, 5), the oldest one, if it says none."""
    found = re.search(r'version ([0-9]+)\.([0-9]+)', text)
    return (int(found.group(1)), int(found.group(2))) if found else (1, 5)


def fixed_part(template, release):
    """The template without the lines that this HAProxy release does not support."""
    lines = []
    for line in template.splitlines():
        since = SINCE.search(line)
        if since is None or (int(since.group(1)), int(since.group(2))) <= release:
            lines.append(SINCE.sub('', line))
    return lines


def listener(forwarded):
    """The lines for an exposed TCP port."""
    service, port = forwarded.service, forwarded.port
    lines = ['', 'listen %s.%s.%d' % (service.namespace, service.name, port.number), '    bind 0.0.0.0:%d' % port.number]
    if service.affinity:
        lines += ['    balance source', '    hash-type consistent']
    lines += ['    acl allowed src %s' % source for source in service.sources]
    if service.limited:
        lines.append('    tcp-request connection reject' + (' if !allowed' if service.sources else ''))
    return lines + ['    server %s-%d %s:%d check%s' % (ip, target, ip, target, PROXY[service.proxy])
                    for ip, target in forwarded.targets]


def configuration(template, release, tcp):
    """
    (name, text) of the configuration. The name is a hash of the text, which has it as description: so HAProxy says what it
    runs with.
    """
    lines = fixed_part(template, release)
    for one in tcp:
        lines += listener(one)
    text = '\n'.join(lines) + '\n'
    name = 'kstack-' + hashlib.sha256(text.encode()).hexdigest()[:16]
    return name, text.replace('@@DESCRIPTION@@', name, 1)
