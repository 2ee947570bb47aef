"""Running programs, and reading files of the kernel."""
import os

from oslo_concurrency import processutils


def run(*command, **options):
    """Returns the output of the program; raises ProcessExecutionError if it fails."""
    return processutils.execute(*command, **options)[0]


def read(path, default=''):
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return default


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as file:
        file.write(text)
    os.chmod(path, mode)


def mounted(path):
    with open('/proc/self/mounts') as mounts:
        return any(line.split()[1] == path for line in mounts)


def unmount(path):
    if mounted(path):
        run('umount', '--lazy', path)


def stat_fields(pid):
    """The fields of /proc/PID/stat after the command name (the first is the state), [] if there is no such process."""
    return read(f'/proc/{pid}/stat').rpartition(')')[2].split()


def start_time(pid):
    """Start time of a running process, '' for none. With the PID it identifies a process, since PIDs are reused."""
    fields = stat_fields(pid)
    return fields[19] if fields and fields[0] != 'Z' else ''


def kill(pid, signal):
    try:
        os.kill(pid, signal)
    except ProcessLookupError:
        pass
