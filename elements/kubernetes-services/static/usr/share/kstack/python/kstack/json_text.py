"""
JSON from others. Whoever may write one object of the API may nest its metadata.managedFields thousands of levels deep, which
the API accepts and Python's parser does not: every program that reads the object would end.
"""
import json
import re

# Levels that are read. Objects of Kubernetes have about 20.
DEEPEST = 100

TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]')


def parse(text):
    """The value of a text. What is nested deeper than DEEPEST levels may be null instead. Raises ValueError."""
    try:
        return json.loads(text)
    except RuntimeError:  # RecursionError, since Python 3.5
        return json.loads(shallow(text))


def shallow(text):
    """The text with null in place of everything that is nested deeper than DEEPEST levels."""
    pieces, depth, start = [], 0, 0
    for token in TOKEN.finditer(text):
        if token.group() in ('{', '['):
            depth += 1
            if depth == DEEPEST + 1:
                pieces.append(text[start:token.start()] + 'null')
        elif token.group() in ('}', ']'):
            if depth == DEEPEST + 1:
                start = token.end()
            depth -= 1
    if depth > DEEPEST:
        raise ValueError('a list or object that does not end')
    return ''.join(pieces) + text[start:]
