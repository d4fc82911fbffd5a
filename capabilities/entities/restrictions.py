"""What the capabilities of entities can be restricted to."""

from mintaka.capabilities.order import Allowed, AtMost, Numbers
from mintaka.capabilities.places import Namespace
from mintaka.capabilities.restrictions import Restrictions, restriction


class CreateRestrictions(Restrictions):
    """What making entities can be restricted to."""

    namespace: Namespace = restriction("Namespace that they are made in")
    max_bytes: AtMost = restriction("Largest entity, with its pictures and verbs", unit="bytes", least=1)


class ControlRestrictions(Restrictions):
    """What control of entities can be restricted to."""

    entities: Numbers = restriction("Only these entities, by number")
    namespace: Namespace = restriction("Only entities of this namespace")
    properties: Allowed = restriction("Properties that may be changed")
    verbs: Allowed = restriction("Verbs that may be called or written")
