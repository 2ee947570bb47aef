"""Runs the test files that are its arguments and prints the outcome of each test as JSON, a line each."""
import json
import os
import sys
import unittest

folder = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, folder)


def tests(suite):
    for one in suite:
        if isinstance(one, unittest.TestSuite):
            yield from tests(one)
        else:
            yield one


def title(one):
    method = getattr(one, '_testMethodName', str(one))
    return '%s: %s' % (type(one).__module__.replace('_test', ''), method.replace('test_', '', 1).replace('_', ' '))


for name in sys.argv[1:]:
    for one in tests(unittest.defaultTestLoader.loadTestsFromName(name[:-len('.py')])):
        result = unittest.TestResult()
        kept = os.dup(1)
        os.dup2(2, 1)  # what a controller says
        one.run(result)
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
        failures = [text for _, text in result.errors + result.failures]
        skipped = '; '.join(reason for _, reason in result.skipped)
        print(json.dumps({'title': title(one), 'failure': '\n'.join(failures), 'skipped': skipped}), flush=True)
