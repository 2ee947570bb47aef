import ssl
import threading
import unittest
from unittest import mock

from kstack import json_text
from kstack.api import Api, ApiError, path
from kstack.loop import Loop, each
from kstack.mirror import Mirror
from server import Server


def node(name, version, **more):
    return dict({'metadata': {'name': name, 'resourceVersion': str(version)}}, **more)


def nested(name, version, levels):
    """A node whose managedFields have this many levels, as text: Python can neither read nor write it."""
    return '{"metadata": {"name": "%s", "resourceVersion": "%s", "managedFields": [{"fieldsV1": %s{}%s}]}}' % (
        name, version, '{"f:a\\"]": ' * levels, '}' * levels)


class WithServer(unittest.TestCase):
    def serve(self, answers, **options):
        server = Server(answers, **options)
        self.addCleanup(server.close)
        self.server = server
        return Api(server.address, server.file('certificate'), server.file('certificate'), server.file('key'), timeout=2)


class Requests(WithServer):
    def test_an_answer_is_a_value(self):
        api = self.serve(lambda method, where, body: (200, {'method': method, 'body': body}))
        self.assertEqual(api.get('/x'), {'method': 'GET', 'body': None})
        self.assertEqual(api.patch('/x', {'a': 1}), {'method': 'PATCH', 'body': {'a': 1}})

    def test_a_refusal_has_status_and_reason(self):
        api = self.serve(lambda *_: (404, {'message': 'nodes "x" not found', 'reason': 'NotFound'}))
        with self.assertRaises(ApiError) as raised:
            api.get('/x')
        self.assertTrue(raised.exception.not_found)
        self.assertEqual(str(raised.exception), 'nodes "x" not found')

    def test_a_404_of_anything_but_the_service_does_not_say_that_an_object_is_gone(self):
        api = self.serve(lambda *_: (404, {}))
        with self.assertRaises(ApiError) as raised:
            api.get('/x')
        self.assertFalse(raised.exception.not_found)

    def test_a_server_with_another_name_is_refused(self):
        api = self.serve(lambda *_: (200, {}), name='demo-minion-0')
        with self.assertRaises(ApiError) as raised:
            api.get('/x')
        self.assertEqual(raised.exception.status, 0)

    def test_a_server_with_another_name_is_refused_by_a_Python_whose_error_is_no_OSError(self):
        api = self.serve(lambda *_: (200, {}))
        with mock.patch('kstack.api.ssl.CertificateError', type('Wrong', (ValueError,), {})):
            with mock.patch.object(ssl.SSLContext, 'wrap_socket', side_effect=ssl.CertificateError('another name')):
                with self.assertRaises(ApiError):
                    api.get('/x')

    def test_what_is_nested_too_deep_for_Python_is_left_out(self):
        api = self.serve(lambda *_: (200, nested('a', 1, 9000)))
        self.assertEqual(api.get('/x')['metadata']['name'], 'a')
        deepest = json_text.DEEPEST
        for levels, whole in ((deepest, True), (deepest + 1, False)):
            for begin, end in (('[', ']'), ('{"}":', '}')):
                text = begin * (levels - 1) + '{}' + end * (levels - 1)
                self.assertEqual(json_text.shallow(text) == text, whole)
        self.assertEqual(json_text.shallow('[' * deepest + '[1], [[2]], 3' + ']' * deepest),
                         '[' * deepest + 'null, null, 3' + ']' * deepest)
        for text in ('[' * 9000, '[' * 9000 + ']' * 8999, '[' * 9000 + ']' * 9001, '{"a' * 9000):
            with self.assertRaises(ValueError):
                json_text.parse(text)

    def test_a_list_is_read_in_pages(self):
        def answers(_, where, __):
            if 'continue' in where:
                return 200, {'metadata': {'resourceVersion': '7'}, 'items': [node('b', 2)]}
            return 200, {'metadata': {'resourceVersion': '7', 'continue': 'more'}, 'items': [node('a', 1)]}
        found = list(self.serve(answers).list('/api/v1/nodes'))
        self.assertEqual(found, ['7', node('a', 1), node('b', 2)])

    def test_a_path_has_no_more_parts_than_given(self):
        self.assertEqual(path('api', 'v1', 'nodes', '../x?y'), '/api/v1/nodes/..%2Fx%3Fy')


class Mirrors(WithServer):
    def follow(self, answers, steps=1, **options):
        self.changes = []
        mirror = Mirror(self.serve(answers), '/api/v1/nodes', changed=lambda: self.changes.append(sorted(
            one['metadata']['name'] for one in mirror.all())), **options)
        for _ in range(steps):
            mirror.follow()
        return mirror

    def test_a_mirror_has_what_list_and_watch_say(self):
        def answers(_, where, __):
            if 'watch' not in where:
                return 200, {'metadata': {'resourceVersion': '5'}, 'items': [node('a', 1)]}
            return 200, [{'type': 'ADDED', 'object': node('b', 6)}, {'type': 'DELETED', 'object': node('a', 7)},
                         {'type': 'BOOKMARK', 'object': node('', 9)}]
        mirror = self.follow(answers)
        self.assertEqual(self.changes, [['a'], ['a', 'b'], ['b']])
        self.assertEqual(mirror.version, '9')

    def test_an_object_that_is_nested_too_deep_for_Python_keeps_no_other_from_being_read(self):
        def answers(_, where, __):
            if 'watch' not in where:
                return 200, '{"metadata": {"resourceVersion": "5"}, "items": [%s, %s]}' % (
                    nested('a', 1, 9000), nested('b', 2, 1))
            return 200, ['{"type": "MODIFIED", "object": %s}' % nested('c', 6, 9000)]
        self.follow(answers, keep=lambda one: {'metadata': {'name': one['metadata']['name']}})
        self.assertEqual(self.changes, [['a', 'b'], ['a', 'b', 'c']])

    def test_a_watch_is_resumed_where_it_ended(self):
        def answers(_, where, __):
            if 'watch' not in where:
                return 200, {'metadata': {'resourceVersion': '5'}, 'items': []}
            return 200, [{'type': 'ADDED', 'object': node('b', 6)}] if 'resourceVersion=5' in where else []
        self.follow(answers, steps=2)
        asked = [where for _, where in self.server.asked]
        self.assertEqual(len([where for where in asked if 'watch' not in where]), 1)
        self.assertIn('resourceVersion=6', asked[-1])

    def test_a_change_of_what_is_not_kept_is_none(self):
        def answers(_, where, __):
            if 'watch' not in where:
                return 200, {'metadata': {'resourceVersion': '5'}, 'items': [node('a', 1, status='x')]}
            return 200, [{'type': 'MODIFIED', 'object': node('a', 6, status='y')}]
        self.follow(answers, keep=lambda one: {'metadata': {'name': one['metadata']['name']}})
        self.assertEqual(self.changes, [['a']])

    def test_a_version_that_is_too_old_is_an_error_that_says_so(self):
        for answer in ((410, {'message': 'too old', 'reason': 'Expired'}),
                       (200, [{'type': 'ERROR', 'object': {'code': 410, 'message': 'too old'}}])):
            api = self.serve(lambda *_: answer)
            with self.assertRaises(ApiError) as raised:
                list(api.watch('/api/v1/nodes', '1'))
            self.assertTrue(raised.exception.gone)

    def test_a_mirror_reads_the_list_again_when_its_version_is_too_old(self):
        ended = threading.Event()
        lists = []

        def answers(_, where, __):
            if 'watch' in where:
                return 410, {'message': 'too old', 'reason': 'Expired'}
            lists.append(where)
            if len(lists) == 3:
                ended.set()
            return 200, {'metadata': {'resourceVersion': '5'}, 'items': []}
        Mirror(self.serve(answers), '/api/v1/nodes', pause=lambda _: None).start()
        self.assertTrue(ended.wait(20))


class Loops(unittest.TestCase):
    def test_one_object_that_fails_keeps_no_other_from_its_turn(self):
        done = []

        def act(one):
            if one == 1:
                raise ApiError(409, 'changed')
            if one == 2:
                raise ValueError('a mistake')
            done.append(one)
        with self.assertRaises(ApiError) as raised:
            each(act, [1, 2, 3], lambda one: 'object %d' % one)
        self.assertEqual(done, [3])
        self.assertEqual(str(raised.exception), 'object 1: changed')

    def test_changes_that_come_together_are_handled_together(self):
        acted = []
        twice = threading.Event()

        def act():
            acted.append(True)
            if len(acted) == 2:
                twice.set()
        loop = Loop(act, period=60, settle=0.1)
        thread = threading.Thread(target=loop.run, daemon=True)
        thread.start()
        while not acted:
            pass
        for _ in range(50):
            loop.wake()
        self.assertTrue(twice.wait(20))
        self.assertLessEqual(len(acted), 3)
