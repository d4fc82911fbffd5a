"""What entities need around them: where they are kept, and what makes programs of their verbs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mintaka.capabilities.effects import Done
from mintaka.capabilities.failures import told
from mintaka.capabilities.grant import Grant
from mintaka.capabilities.held import Held
from mintaka.capabilities.order import Json
from mintaka.library.agenda import Agenda
from mintaka.library.entities import Entities, Entity
from mintaka.library.errors import no_such_entity
from mintaka.runtime.compiler import Program
from mintaka.runtime.run import Run
from mintaka.storage.blobs import Blobs
from mintaka.storage.database import Database

CONTROL = "entity.control"
"""The type of capability that reaches entities."""

CREATE = "sys.create"
"""The type that makes them, and pays for them."""

Compile = Callable[[str], Program]
"""Makes a program of the text of a verb. Raises `HostFault` (script_rejected) where it is none."""


@dataclass(frozen=True, slots=True)
class EntitySpace:
    """The ``database`` and in it the entities there are and what they have scheduled; the pictures in them, and the
    compiler of their verbs."""

    database: Database
    entities: Entities
    agenda: Agenda
    blobs: Blobs
    compile: Compile
    wake: Callable[[], None] = lambda: None
    """Called when something was scheduled."""

    def once(self, run: Run, act: Callable[[], Done], kept: Sequence[str] = ()) -> Json:
        """Do what ``act`` does wholly or not, and in a durable run once; what it gives.

        ``kept`` are capabilities that entities keep from then on, so that they outlive the run.
        """

        def acted() -> Done:
            done = act()
            return replace(done, handed_on=(*done.handed_on, *kept))

        with told(), self.database.write():
            return run.host(Grant).effects.once(run.effect, acted).value

    def get(self, id: int) -> Entity:
        """An entity, whoever asks. Raises `HostFault` no_such_capability."""
        with told():
            return self.entities.get(id)

    def reached(self, grant: Grant, id: int, method: str, **asked: object) -> tuple[Entity, Held]:
        """An entity and the ``entity.control`` of the grant that permits ``method`` on it, and all else that is asked.

        Raises `HostFault`: ``denied`` where what covers the entity does not permit that, and ``no_such_capability``
        where nothing covers it, whether there is such an entity or not.
        """
        with told():
            found = self.entities.get(id)
            covering = [held for held in grant.held() if held.type == CONTROL and covers(held, found)]
            if not covering:
                raise no_such_entity()
        wanted = {"methods": method, **asked}
        fits = (held for held in covering if all(held.restrictions.permits(*each) for each in wanted.items()))
        held = next(fits, covering[0])
        held.restrictions.permit(CONTROL, wanted)
        return found, held


def covers(held: Held, entity: Entity) -> bool:
    """Whether an ``entity.control`` is one over this entity: of its origin's own, and not narrowed to others."""
    return (
        held.origin == entity.owner
        and held.restrictions.permits("entities", entity.id)
        and held.restrictions.permits("namespace", entity.namespace or "")
    )
