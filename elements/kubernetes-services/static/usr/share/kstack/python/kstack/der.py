"""
DER, the binary form of certificate requests (ITU-T X.690). Reads what a request has; refuses all that has a second form:
indefinite and padded lengths, bytes after the end.
"""
import collections

Element = collections.namedtuple('Element', 'tag content')

SEQUENCE, SET, OID, OCTETS, BOOLEAN, UTF8, PRINTABLE = 0x30, 0x31, 0x06, 0x04, 0x01, 0x0c, 0x13


class Malformed(ValueError):
    """The bytes are not the DER of what is expected."""


def elements(data):
    """The elements that the bytes consist of."""
    found, at = [], 0
    while at < len(data):
        tag, length, start = header(data, at)
        if start + length > len(data):
            raise Malformed('an element is longer than its bytes')
        found.append(Element(tag, data[start:start + length]))
        at = start + length
    return found


def header(data, at):
    """Tag, length and start of the content of the element at a position."""
    if at + 2 > len(data) or data[at] & 0x1f == 0x1f:
        raise Malformed('an element without a header')
    first, start = data[at + 1], at + 2
    if first < 0x80:
        return data[at], first, start
    size = first & 0x7f
    digits = data[start:start + size]
    if not 1 <= size <= 3 or len(digits) < size or digits[0] == 0 or (size == 1 and digits[0] < 0x80):
        raise Malformed('a length that is not in its shortest form')
    return data[at], int.from_bytes(digits, 'big'), start + size


def parts(element, tag, *tags):
    """The elements within one that has this tag; with further tags, exactly one element for each of these."""
    if element.tag != tag:
        raise Malformed('tag %#x instead of %#x' % (element.tag, tag))
    found = elements(element.content)
    if tags and tuple(one.tag for one in found) != tags:
        raise Malformed('other elements than expected')
    return found


def text(element):
    """Text of printable ASCII characters."""
    if element.tag not in (UTF8, PRINTABLE):
        raise Malformed('text of another type')
    return ascii_text(element.content)


def ascii_text(content):
    if any(not 0x20 < byte < 0x7f for byte in content):
        raise Malformed('text with other than printable characters')
    return content.decode('ascii')
