"""Services, Endpoints and nodes as the API has them, and values that are none."""

BAD = (None, True, 0, -1, 1.5, '', 'x\ny', ' ', 'x' * 100000, '10.0.0.1\nserver y', [], [None], [[]], {}, {'a': None},
       {'ip': {}}, [{'port': 'x'}], '\ud800', 2 ** 70)


def service(name, ports, age=0, namespace='default', labels=None, annotations=None, status=None, **spec):
    """Of type LoadBalancer. age: seconds; a larger one was created later. ports: numbers, or as in the API."""
    found = {
        'kind': 'Service',
        'metadata': {
            'name': name, 'namespace': namespace, 'uid': uid(namespace, name), 'resourceVersion': '1',
            'creationTimestamp': '2026-01-01T00:00:%02dZ' % age,
            'labels': labels or {}, 'annotations': annotations or {}},
        'spec': dict({'type': 'LoadBalancer',
                      'ports': [{'port': one} if isinstance(one, int) else one for one in ports]}, **spec)}
    if status is not None:
        found['status'] = {'loadBalancer': {'ingress': [{'ip': ip} for ip in status]}}
    return found


def uid(namespace, name):
    return '%08x-0000' % (hash((namespace, name)) % 2 ** 32)


def endpoints(name, addresses, ports, namespace='default'):
    return {'kind': 'Endpoints', 'metadata': {'name': name, 'namespace': namespace, 'resourceVersion': '1'},
            'subsets': [{'addresses': [{'ip': ip} for ip in addresses],
                         'ports': [{'port': one} if isinstance(one, int) else one for one in ports]}]}


def node(name, address, ready=True, shared='192.0.2.9,10.0.0.20', labels=None):
    return {'metadata': {'name': name, 'labels': labels or {}, 'resourceVersion': '1',
                         'annotations': {'kstack.io/gateway-addresses': shared}},
            'status': {'conditions': [{'type': 'Ready', 'status': 'True' if ready else 'Unknown'}],
                       'addresses': [{'type': 'Hostname', 'address': name},
                                     {'type': 'InternalIP', 'address': address}]}}


def spoiled(one):
    """The object with each of its parts in turn replaced by something that does not belong there."""
    for bad in BAD:
        yield bad
    for key in (one if isinstance(one, dict) else range(len(one)) if isinstance(one, list) else ()):
        for bad in spoiled(one[key]):
            copy = dict(one) if isinstance(one, dict) else list(one)
            copy[key] = bad
            yield copy


def any_service(chosen, name):
    """A Service with some of everything. chosen: a random.Random."""
    ports = {}
    for _ in range(chosen.randint(1, 4)):
        one = {'port': chosen.choice((22, 53, 80, 81, 82, 83, 179, 443, 4789, 8080, 10250, 31000)),
               'protocol': chosen.choice(('TCP', 'TCP', 'UDP', 'SCTP'))}
        ports['%(port)d/%(protocol)s' % one] = one
    more = {'type': chosen.choice(('LoadBalancer', 'LoadBalancer', 'LoadBalancer', 'ClusterIP', 'ExternalName')),
            'sessionAffinity': chosen.choice(('None', 'ClientIP'))}
    label = chosen.choice((None, None, None, 'true', 'false', 'yes'))
    proxy = chosen.choice((None, None, None, 'v1', 'v2', 'v3', ''))
    sources = chosen.choice((None, None, None, ['10.0.0.0/8'], ['10.0.0.0/8', '::/0'], ['10.0.0/8'], ['10.0.0.0/33']))
    if sources is not None:
        more['loadBalancerSourceRanges'] = sources
    other = chosen.choice((None, None, 'example.com/balancer'))
    if other is not None:
        more['loadBalancerClass'] = other
    return service(name, list(ports.values()), chosen.randrange(5), chosen.choice(('default', 'shop')),
                   {} if label is None else {'kstack.io/gateway': label},
                   {} if proxy is None else {'kstack.io/gateway-proxy-protocol': proxy}, **more)


def any_services(chosen):
    return [any_service(chosen, 'service-%d' % number) for number in range(chosen.randint(6, 14))]
