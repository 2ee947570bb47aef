"""Events of Services with a port that is not exposed. No input and output."""
import calendar
import time

from . import values

# How the API writes times.
TIME = '%Y-%m-%dT%H:%M:%SZ'

# Seconds after which an Event is written again while its reason lasts; it expires after an hour.
REPEAT = 600


def identity(event):
    return event['metadata']['namespace'], event['metadata']['name']


def event(refused, component, now):
    """
    The Event for what is refused. Its name stays the same while the reason lasts, so that it is not created twice.

    component  the program that sends it
    now        seconds since 1970
    """
    when = time.strftime(TIME, time.gmtime(now))
    service = refused.service
    name = '%s.%s.%s-%s' % (service.name, service.uid[:8], refused.reason, refused.what)
    return {
        'apiVersion': 'v1', 'kind': 'Event', 'type': 'Warning', 'reason': refused.reason, 'message': refused.message,
        'metadata': {'namespace': service.namespace, 'name': name.lower()},
        'involvedObject': {'apiVersion': 'v1', 'kind': 'Service', 'namespace': service.namespace, 'name': service.name,
                           'uid': service.uid},
        'source': {'component': component}, 'firstTimestamp': when, 'lastTimestamp': when, 'count': 1,
    }


def written_at(event):
    """When an Event of the API was last written, in seconds since 1970; 0 if it does not say so."""
    try:
        return calendar.timegm(time.strptime(values.text(event.get('lastTimestamp')), TIME))
    except ValueError:
        return 0


def is_due(message, since, new, now):
    """
    Whether an Event is to be written again: with another message, or after ten minutes.

    message, since  what was written, and when
    """
    return message != new['message'] or not 0 <= now - since <= REPEAT


def plan(events, present, now):
    """
    ([Events to create], [Events to replace]).

    present  the Events of the API by namespace and name
    now      seconds since 1970
    """
    create, replace = [], []
    for new in events:
        old = present.get(identity(new))
        if old is None:
            create.append(new)
        elif is_due(old.get('message'), written_at(old), new, now):
            count = values.number(old.get('count'), 0, 2 ** 31 - 2) or 0
            replace.append(dict(old, message=new['message'], lastTimestamp=new['lastTimestamp'], count=count + 1))
    return create, replace
