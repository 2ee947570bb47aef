"""The loop of a controller: look at everything, do what is missing; again after a change, and now and then without one."""
import threading
import time
import traceback

from .api import ApiError
from .log import say


class Loop(object):
    """
    Runs `act` after each `wake`, and every `period` seconds. Changes that come together are handled together. If act
    raises ApiError, it is run again after 1, 2, 4 ... 30 seconds; the same message is said once.
    """
    def __init__(self, act, period=30, settle=0.2):
        self.act = act
        self.period = period
        self.settle = settle
        self.event = threading.Event()

    def wake(self):
        self.event.set()

    def run(self):
        failures, reported = 0, ''
        while True:
            self.event.clear()
            try:
                self.act()
                failures, reported = 0, ''
            except ApiError as error:
                failures += 1
                if str(error) != reported:
                    reported = str(error)
                    say(reported)
            if failures:
                time.sleep(min(30, 2 ** min(failures - 1, 5)))
            elif self.event.wait(self.period):
                time.sleep(self.settle)


def each(act, objects, title):
    """
    Calls `act` with each object. One that fails does not keep the others from their turn: what is refused by the API is
    raised at the end, and a mistake of ours is said.

    title  what an object is called in a message
    """
    refused = None
    for one in objects:
        try:
            act(one)
        except ApiError as error:
            refused = refused or ApiError(error.status, '%s: %s' % (title(one), error), error.reason)
        except Exception:
            say('%s: %s' % (title(one), traceback.format_exc()))
    if refused is not None:
        raise refused
