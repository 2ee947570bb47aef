"""Whose certificate it is and when it expires (RFC 5280), from PEM of our own CAs. Nothing is verified."""
import base64
import binascii
import collections
import datetime
import re

from . import csr, der
from .der import Malformed

# subject: an element; end: in UTC
Certificate = collections.namedtuple('Certificate', 'subject end')

PEM = re.compile(r'-----BEGIN CERTIFICATE-----\s([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----')

VERSION, INTEGER, UTC_TIME, GENERALIZED_TIME = 0xa0, 0x02, 0x17, 0x18

# A certificate of ours has about a thousand bytes.
LARGEST = 16384


def read(text):
    """The first certificate of a PEM file. Raises Malformed."""
    found = PEM.search(text) if len(text) <= LARGEST else None
    if found is None:
        raise Malformed('no certificate in PEM, or more than %d bytes' % LARGEST)
    try:
        return parse(base64.b64decode(''.join(found.group(1).split()), validate=True))
    except binascii.Error as error:
        raise Malformed(str(error))


def parse(data):
    whole = der.elements(data)
    if len(whole) != 1:
        raise Malformed('not exactly one element')
    fields = der.parts(der.parts(whole[0], der.SEQUENCE, der.SEQUENCE, der.SEQUENCE, 0x03)[0], der.SEQUENCE)
    if fields and fields[0].tag == VERSION:
        fields = fields[1:]
    # serial number, algorithm, issuer, validity, subject, key
    if [one.tag for one in fields[:6]] != [INTEGER] + [der.SEQUENCE] * 5:
        raise Malformed('other fields than those of a certificate')
    limits = der.parts(fields[3], der.SEQUENCE)
    if len(limits) != 2:
        raise Malformed('not exactly one beginning and one end')
    return Certificate(fields[4], time(limits[1]))


def common_names(certificate):
    """Raises Malformed if the subject has other parts than names and organizations."""
    return [value for kind, value in csr.of_subject(certificate.subject) if kind == csr.COMMON_NAME]


def time(element):
    """A time in UTC; one with two digits is of the years from 1950 to 2049."""
    digits = der.ascii_text(element.content)
    if element.tag == UTC_TIME and len(digits) == 13:
        digits = ('20' if digits < '50' else '19') + digits
    elif element.tag != GENERALIZED_TIME:
        raise Malformed('a time of another type')
    if not re.fullmatch(r'[0-9]{14}Z', digits):
        raise Malformed('a time in another form')
    try:
        return datetime.datetime.strptime(digits, '%Y%m%d%H%M%SZ')
    except ValueError as error:
        raise Malformed(str(error))
