"""The facts of this node, from the environment that its unit gives the program (node.env and others)."""
import os
import sys

from . import values


class Settings(object):
    """
    Facts by name. A missing or malformed one ends the program with a message: user-data is wrong, and a controller that
    guesses is worse than none.
    """
    def __init__(self, environment=None):
        self.environment = os.environ if environment is None else environment

    def text(self, name, default=None):
        value = self.environment.get(name) or default
        if value is None:
            sys.exit('%s is not set' % name)
        return value

    def parsed(self, name, parse, optional=False):
        given = self.environment.get(name)
        if not given and optional:
            return None
        value = parse(given)
        if value is None:
            sys.exit('%s is %r, which is not valid' % (name, given))
        return value

    def address(self, name, optional=False):
        return self.parsed(name, values.address, optional)

    def network(self, name):
        return self.parsed(name, values.network)
