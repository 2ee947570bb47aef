"""Prints messages to the journal, one line each."""
import sys
import threading


def say(message):
    """One line, at once: systemd reads it."""
    try:
        sys.stdout.write(message + '\n')
    except UnicodeEncodeError:  # the locale of a service may be ASCII
        sys.stdout.write(message.encode('ascii', 'backslashreplace').decode() + '\n')
    sys.stdout.flush()


class Repeated(object):
    """
    Says what stays wrong once, and again if it changes: a controller sees the same mistake at every look.
    """
    def __init__(self, say=say):
        self.say = say
        self.said = set()
        self.lock = threading.Lock()

    def now(self, messages):
        """All that is wrong now; a message of the last call is not said again."""
        with self.lock:
            messages = list(collect(messages))
            for message in messages:
                if message not in self.said:
                    self.say(message)
            self.said = set(messages)


def collect(messages):
    """The messages without repetitions, in order."""
    seen = set()
    for message in messages:
        if message not in seen:
            seen.add(message)
            yield message
