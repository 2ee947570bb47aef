"""
Other programs: an argument list, a time limit, and what they printed. Never a shell. All modules start programs through this
one, except kstack-agent, which ends a program together with all processes that it started.
"""
import os
import subprocess


class ProgramError(Exception):
    """
    A program could not be started, failed, took too long, or printed what cannot be read.

    reason  the message without the name of the program
    """
    def __init__(self, message, reason=None):
        super().__init__(message)
        self.reason = message if reason is None else reason


def run(arguments, seconds, environment=None, given=None, together=False):
    """
    Exit code, standard output and standard error. Raises ProgramError if the program does not start, or does not end
    within the time; it is then killed.

    environment  variables in addition to those of this process
    given        its standard input, a text; nothing if None
    together     whether standard error is part of standard output, in the order in which it was printed
    """
    written = None if given is None else given.encode()
    try:
        process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL if written is None else subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT if together else subprocess.PIPE,
                                   env=dict(os.environ, **(environment or {})))
    except OSError as error:
        raise ProgramError('%s does not start: %s' % (arguments[0], error.strerror), error.strerror) from error
    # Closes the pipes at the end: processes that the program left behind may hold their other ends for longer.
    with process:
        try:
            printed = process.communicate(written, timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise ProgramError('%s has not ended within %d s' % (arguments[0], seconds),
                               'no end after %s' % ('a minute' if seconds == 60 else '%d s' % seconds))
    return (process.returncode,) + tuple((text or b'').decode('utf-8', 'replace') for text in printed)


def attempt(*arguments):
    """
    Exit code and all that the program printed; 1 and a message if it does not start, or does not end within a minute. For
    programs whose failure is said or does not matter.
    """
    try:
        return run(arguments, 60, together=True)[:2]
    except ProgramError as error:
        return 1, '%s: %s' % (arguments[0], error.reason)


def output(arguments, seconds, environment=None):
    """Standard output. Raises ProgramError also if the program fails, with the last line of what it printed."""
    code, printed, errors = run(arguments, seconds, environment)
    if code != 0:
        raise ProgramError(last_line(errors) or last_line(printed) or '%s ended with code %d' % (arguments[0], code))
    return printed


def last_line(text):
    """The last line that is not empty, or ''."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ''
