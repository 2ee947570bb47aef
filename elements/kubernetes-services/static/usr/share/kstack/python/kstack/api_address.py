"""Whether this master holds the API address. Programs that run on every master act only on the one that holds it."""
from .log import say
from .programs import ProgramError, run


def holds(address):
    """Whether an interface of this node has the address. False if that cannot be found out."""
    try:
        code, printed, _ = run(['ip', '-o', 'addr', 'show', 'to', str(address)], 10)
    except ProgramError as error:
        say(str(error))
        return False
    return code == 0 and printed.strip() != ''
