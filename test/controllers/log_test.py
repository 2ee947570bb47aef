import io
import sys
import unittest

from kstack.log import Repeated, say


class Messages(unittest.TestCase):
    def said(self, *messages, encoding='ascii'):
        raw = io.BytesIO()
        kept, sys.stdout = sys.stdout, io.TextIOWrapper(raw, encoding=encoding)
        try:
            for message in messages:
                say(message)
            return raw.getvalue()
        finally:
            sys.stdout = kept

    def test_a_message_is_said_where_the_encoding_is_ascii(self):
        self.assertEqual(self.said('a', 'gr\xfc\xdfe'), b'a\ngr\\xfc\\xdfe\n')
        self.assertEqual(self.said('gr\xfc\xdfe', encoding='utf-8'), b'gr\xc3\xbc\xc3\x9fe\n')

    def test_what_stays_wrong_is_said_once(self):
        said = []
        repeated = Repeated(said.append)
        for messages in (['a', 'a'], ['a', 'b'], ['b'], ['a']):
            repeated.now(messages)
        self.assertEqual(said, ['a', 'b', 'a'])
