"""Runs the test files that are its arguments and prints the outcome of each test as JSON, a line each."""
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
outcomes = os.fdopen(os.dup(1), 'w')
os.dup2(2, 1)  # what a controller says, also one that has outlived its test


class Outcomes(unittest.TestResult):
    def startTest(self, one):
        super().startTest(one)
        self.failed = []
        self.skipped_for = ''

    def addError(self, one, error):
        super().addError(one, error)
        text = self.errors[-1][1]
        if isinstance(one, unittest.TestCase):
            self.failed.append(text)
        else:
            self.tell(str(one), text)

    def addFailure(self, one, error):
        super().addFailure(one, error)
        self.failed.append(self.failures[-1][1])

    def addSkip(self, one, reason):
        super().addSkip(one, reason)
        self.skipped_for = reason

    def addSubTest(self, one, part, error):
        super().addSubTest(one, part, error)
        if error is not None:
            self.failed.append((self.failures + self.errors)[-1][1])

    def stopTest(self, one):
        super().stopTest(one)
        method = one._testMethodName.replace('test_', '', 1).replace('_', ' ')
        self.tell('%s: %s' % (type(one).__module__.replace('_test', ''), method), '\n'.join(self.failed), self.skipped_for)

    def tell(self, title, failure, skipped=''):
        outcomes.write(json.dumps({'title': title, 'failure': failure, 'skipped': skipped}) + '\n')
        outcomes.flush()


for name in sys.argv[1:]:
    unittest.defaultTestLoader.loadTestsFromName(name[:-len('.py')]).run(Outcomes())
sys.stdout.flush()
os._exit(0)  # without waiting for threads of controllers
