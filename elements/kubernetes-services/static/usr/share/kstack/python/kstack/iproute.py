"""Addresses and routes of this node's kernel, through ip(8). The iproute2 of Debian 8 prints no JSON."""
import collections
import ipaddress

from . import programs, values
from .programs import ProgramError

PROTOCOL = '77'  # marks the routes of kstack-routes, see ip-route(8)
SECONDS = 20     # a command that takes longer has failed

# An address of an interface and the range that it is in.
Local = collections.namedtuple('Local', 'device address range')

Route = collections.namedtuple('Route', 'range via device')


def run(*arguments, codes=(0,)):
    """(exit code, output). Raises ProgramError, with the whole command, also for a code not in `codes`."""
    title = ' '.join(arguments)
    try:
        code, printed, errors = programs.run(arguments, SECONDS)
    except ProgramError as error:
        raise ProgramError('%s: %s' % (title, error.__cause__ or error.reason))
    if code not in codes:
        raise ProgramError('%s: %s' % (title, values.printable(errors.strip())))
    return code, printed


def read_addresses(text):
    """The IPv4 addresses in what `ip -o -4 addr show` prints. Lines of another form are left out."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) < 4 or words[2] != 'inet':
            continue
        try:
            interface = ipaddress.IPv4Interface(words[3])
        except ValueError:
            continue
        found.append(Local(words[1].split('@')[0], interface.ip, interface.network))
    return found


def place_of(address, local):
    """
    The entry of one of this node's addresses, or None. If the address is there both with a range and alone (/32), the entry
    with the range.
    """
    return min((one for one in local if one.address == address), key=lambda one: one.range.prefixlen == 32, default=None)


def read_routes(text):
    """
    The IPv4 routes to a range in what `ip -o -4 route show` prints; via is None without a gateway. The default route and
    those of other types, such as `unreachable`, are left out.
    """
    found = []
    for line in text.splitlines():
        words = line.split()
        destination = words[0] if words else ''
        whole = values.network(destination if '/' in destination else destination + '/32')
        if whole is not None:
            found.append(Route(whole, values.address(after(words, 'via')), after(words, 'dev')))
    return found


def after(words, key):
    """The word after a key, or None."""
    return words[words.index(key) + 1] if key in words[:-1] else None


def addresses():
    return read_addresses(run('ip', '-o', '-4', 'addr', 'show')[1])


def mtu(device):
    printed = run('ip', '-o', 'link', 'show', 'dev', device)[1]
    found = values.number(after(printed.split(), 'mtu'), 1, 1 << 20)
    if found is None:
        raise ProgramError('%s has no MTU' % device)
    return found


def routes():
    """(the routes of this program, the ranges of all other routes)."""
    ours = read_routes(run('ip', '-o', '-4', 'route', 'show', 'protocol', PROTOCOL)[1])
    every = read_routes(run('ip', '-o', '-4', 'route', 'show')[1])
    return ours, set(route.range for route in every if route not in ours)


def set_route(range_, via, device, replace):
    """Adds a route; fails if there is one to the range, unless it is to be replaced."""
    run('ip', '-4', 'route', 'replace' if replace else 'add', str(range_), 'via', str(via), 'dev', device,
        'protocol', PROTOCOL)


def delete_route(route):
    where = (['via', str(route.via)] if route.via else []) + (['dev', route.device] if route.device else [])
    run('ip', '-4', 'route', 'delete', str(route.range), *(where + ['protocol', PROTOCOL]))


def delete_link(device):
    run('ip', 'link', 'delete', device)


def masquerade(pods):
    """Traffic of pods to the outside gets the address of the node: nothing outside has a route to the pods."""
    rule = ['POSTROUTING', '-s', str(pods), '!', '-d', str(pods), '-j', 'MASQUERADE']
    if run('iptables', '-w', '-t', 'nat', '-C', *rule, codes=(0, 1))[0] == 1:
        run('iptables', '-w', '-t', 'nat', '-A', *rule)
