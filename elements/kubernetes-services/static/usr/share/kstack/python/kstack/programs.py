"""Other programs: an argument list, a time limit, and what they printed. Never a shell."""
import os
import subprocess


class ProgramError(Exception):
    """A program could not be started, failed, took too long, or printed what cannot be read."""


def run(arguments, seconds, environment=None):
    """
    Exit code, standard output and standard error. Raises ProgramError if the program does not start, or does not end
    within the time; it is then killed.

    environment  variables in addition to those of this process
    """
    try:
        process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=dict(os.environ, **(environment or {})))
    except OSError as error:
        raise ProgramError('%s does not start: %s' % (arguments[0], error.strerror))
    try:
        printed = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise ProgramError('%s has not ended within %d s' % (arguments[0], seconds))
    return (process.returncode,) + tuple(text.decode('utf-8', 'replace') for text in printed)


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
