"""HAProxy on a gateway: what it runs with, and its reload."""
import os
import re
import socket
import time

from . import haproxy
from .log import say
from .programs import attempt

TEMPLATE = '/usr/share/kstack/gateway/haproxy.cfg'
CONFIGURATION = '/etc/haproxy/haproxy.cfg'
SOCKET = '/run/haproxy/admin.sock'
DESCRIPTION = re.compile(r'^description: *(.*)$', re.IGNORECASE | re.MULTILINE)


def last_lines(text, count=15):
    return '\n'.join(text.splitlines()[-count:])


class Haproxy(object):
    """
    folder  for the states of servers, which a new process reads
    """
    def __init__(self, folder):
        self.folder = folder
        self.release = haproxy.release_of(attempt('haproxy', '-v')[1])
        states = os.path.join(folder, 'servers')
        if not os.path.exists(states):
            self.write(states, '1\n')

    def command(self, command):
        """The response of the running HAProxy, '' if there is none."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(2)
                connection.connect(SOCKET)
                connection.sendall(command.encode() + b'\n')
                return b''.join(iter(lambda: connection.recv(65536), b'')).decode(errors='replace')
        except OSError:
            return ''

    def running(self):
        """The name of the configuration that HAProxy runs with."""
        found = DESCRIPTION.search(self.command('show info'))
        return found.group(1).strip() if found else ''

    def update(self, tcp):
        """
        Whether HAProxy runs with these ports. If the check fails, the old configuration stays in place; if the reload
        fails, the old process does.
        """
        with open(TEMPLATE) as template:
            name, text = haproxy.configuration(template.read(), self.release, tcp)
        if self.running() == name:
            return True
        new = CONFIGURATION + '.new'
        self.write(new, text)
        status, output = attempt('haproxy', '-c', '-f', new)
        if status != 0:
            say('HAProxy rejects %s and keeps its configuration:\n%s' % (new, last_lines(output)))
            return False
        os.rename(new, CONFIGURATION)
        self.save_states()
        attempt('systemctl', 'reload-or-restart', 'haproxy')
        if not self.wait_for(name, 10):
            say('HAProxy does not run with the new configuration:\n' +
                last_lines(attempt('journalctl', '--no-pager', '--output=cat', '-n', '15', '-u', 'haproxy')[1]))
            return False
        say('HAProxy reloaded: %d ports (%s)' % (len(tcp), name))
        return True

    def save_states(self):
        """The next process starts with the known states of the servers."""
        states = self.command('show servers state')
        if states:
            self.write(os.path.join(self.folder, 'servers'), states)

    def wait_for(self, name, seconds):
        end = time.monotonic() + seconds
        while self.running() != name:
            if time.monotonic() >= end:
                return False
            time.sleep(0.1)
        return True

    def write(self, place, text):
        """The whole file or nothing."""
        with open(place + '.part', 'w') as file:
            file.write(text)
        os.rename(place + '.part', place)
