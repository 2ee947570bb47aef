"""What a certificate request asks for (RFC 2986): its subject and its names. A request with anything else is malformed."""
import base64
import binascii
import collections
import ipaddress
import re

from . import der
from .der import Malformed

# names: DNS names; addresses: IPv4 addresses
Request = collections.namedtuple('Request', 'organizations common_names names addresses')

PEM = re.compile(r'\s*-----BEGIN CERTIFICATE REQUEST-----\s([A-Za-z0-9+/=\s]+)-----END CERTIFICATE REQUEST-----\s*')

COMMON_NAME, ORGANIZATION = b'\x55\x04\x03', b'\x55\x04\x0a'
EXTENSION_REQUEST = b'\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e'
ALTERNATIVE_NAMES = b'\x55\x1d\x11'
DNS, IP = 0x82, 0x87

# A kubelet's request has about 500 bytes.
LARGEST = 16384


def read(encoded):
    """The request in the field spec.request of a CertificateSigningRequest: base64 of PEM. Raises Malformed."""
    try:
        if not isinstance(encoded, str) or len(encoded) > LARGEST:
            raise Malformed('no request, or one of more than %d bytes' % LARGEST)
        found = PEM.fullmatch(base64.b64decode(encoded, validate=True).decode('ascii'))
        if found is None:
            raise Malformed('not exactly one request in PEM')
        data = base64.b64decode(''.join(found.group(1).split()), validate=True)
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Malformed(str(error))
    return parse(data)


def parse(data):
    whole = der.elements(data)
    if len(whole) != 1:
        raise Malformed('not exactly one element')
    information = der.parts(whole[0], der.SEQUENCE, der.SEQUENCE, der.SEQUENCE, 0x03)[0]
    fields = der.parts(information, der.SEQUENCE)
    if [one.tag for one in fields] not in ([0x02, der.SEQUENCE, der.SEQUENCE], [0x02, der.SEQUENCE, der.SEQUENCE, 0xa0]):
        raise Malformed('other fields than version, subject, key and attributes')
    subject = list(of_subject(fields[1]))
    attributes = der.elements(fields[3].content) if len(fields) == 4 else []
    names = [name for attribute in attributes for name in of_attribute(attribute)]
    return Request([value for kind, value in subject if kind == ORGANIZATION],
                   [value for kind, value in subject if kind == COMMON_NAME],
                   [value for kind, value in names if kind == DNS],
                   [value for kind, value in names if kind == IP])


def of_subject(element):
    for group in der.parts(element, der.SEQUENCE):
        for pair in der.parts(group, der.SET):
            fields = der.parts(pair, der.SEQUENCE)
            if len(fields) != 2 or fields[0].tag != der.OID:
                raise Malformed('a part of the subject without a type')
            if fields[0].content not in (COMMON_NAME, ORGANIZATION):
                raise Malformed('a subject with more than names and organizations')
            yield fields[0].content, der.text(fields[1])


def of_attribute(element):
    kind, content = der.parts(element, der.SEQUENCE, der.OID, der.SET)
    if kind.content != EXTENSION_REQUEST:
        raise Malformed('an attribute that is not a list of extensions')
    for extensions in der.parts(content, der.SET):
        for extension in der.parts(extensions, der.SEQUENCE):
            for name in of_extension(extension):
                yield name


def of_extension(element):
    fields = [one for one in der.parts(element, der.SEQUENCE) if one.tag != der.BOOLEAN]
    if [one.tag for one in fields] != [der.OID, der.OCTETS] or fields[0].content != ALTERNATIVE_NAMES:
        raise Malformed('an extension that is not the alternative names')
    inner = der.elements(fields[1].content)
    if len(inner) != 1:
        raise Malformed('not exactly one list of names')
    return [of_name(one) for one in der.parts(inner[0], der.SEQUENCE)]


def of_name(element):
    if element.tag == DNS:
        return DNS, der.ascii_text(element.content)
    if element.tag == IP and len(element.content) == 4:
        return IP, ipaddress.IPv4Address(element.content)
    raise Malformed('a name that is neither a DNS name nor an IPv4 address')
