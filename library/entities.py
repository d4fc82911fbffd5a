"""Entities as they are kept: properties, prototypes, places and verbs.

An entity has one owner, and prototype and location of the same owner; both relations are trees without cycles. What it
inherits is looked up when it is read, so changing a prototype changes all that is made from it. Who may do what is
decided elsewhere: here every method does what it is asked, or says that there is no such entity.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import Column, Connection, Row, delete, func, insert, select, update

from mintaka.library.errors import LibraryFault, no_such_entity
from mintaka.storage.database import Database
from mintaka.storage.schema import entity, player, scheduled, verb

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

MOST_PROTOTYPES = 32
"""How long a line of prototypes may be."""

MOST_PLACES = 64
"""How many places may lie one in another."""

MOST_PROPERTIES = 1_000
"""Properties of one entity."""

MOST_VERBS = 200
"""Verbs of one entity."""

MOST_TOLD = 1_000
"""Things that are told as the contents of one entity."""


@dataclass(frozen=True, slots=True)
class Verb:
    """A script of an entity: its name, the number of the entity it is written on, and its text."""

    name: str
    entity: int
    source: str


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity as it was when it was read."""

    id: int
    owner: str
    prototype: int | None
    location: int | None
    namespace: str | None
    own: Mapping[str, Json]
    """Its own properties."""
    inherited: Mapping[str, Json]
    """What its prototypes have, where it has none of that name itself."""
    contents: tuple[int, ...]
    """What it is the location of, the oldest first; the first `MOST_TOLD` of it."""
    maker: str
    """The capability that pays for it."""
    size: int
    """Bytes that are paid for."""


class Entities:
    """The entities of ``database``. Raises `LibraryFault` ``no_such_capability`` for those that are not."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # Looking

    def get(self, id: int) -> Entity:
        """An entity with all it inherits."""
        with self._database.read() as tx:
            lineage = _line(tx, id, entity.c.prototype)
            inside = select(entity.c.id).where(entity.c.location == id).order_by(entity.c.id).limit(MOST_TOLD)
            contents = tuple(tx.execute(inside).scalars())
        own: dict[str, Json] = json.loads(lineage[0].properties)
        inherited: dict[str, Json] = {}
        for row in reversed(lineage[1:]):
            inherited |= json.loads(row.properties)
        row = lineage[0]
        return Entity(
            id=row.id,
            owner=row.owner,
            prototype=row.prototype,
            location=row.location,
            namespace=row.namespace,
            own=own,
            inherited={name: value for name, value in inherited.items() if name not in own},
            contents=contents,
            maker=row.maker,
            size=row.size,
        )

    def of(self, owner: str, after: int = 0, count: int = 1_000) -> list[int]:
        """The numbers of an owner's entities above ``after``, in order."""
        wanted = select(entity.c.id).where(entity.c.owner == owner, entity.c.id > after)
        with self._database.read() as tx:
            return list(tx.execute(wanted.order_by(entity.c.id).limit(count)).scalars())

    def verb(self, id: int, name: str) -> Verb | None:
        """The verb of that name that an entity has or inherits."""
        return next((each for each in self.verbs(id) if each.name == name), None)

    def verbs(self, id: int) -> list[Verb]:
        """All verbs that an entity has or inherits, by name."""
        with self._database.read() as tx:
            lineage = [row.id for row in _line(tx, id, entity.c.prototype)]
            rows = tx.execute(select(verb).where(verb.c.entity.in_(lineage))).all()
        nearest: dict[str, Verb] = {}
        for row in sorted(rows, key=lambda row: lineage.index(row.entity), reverse=True):
            nearest[row.name] = Verb(row.name, row.entity, row.source)
        return [nearest[name] for name in sorted(nearest)]

    # Changing

    def create(
        self,
        owner: str,
        properties: Mapping[str, Json],
        *,
        prototype: int | None,
        location: int | None,
        namespace: str | None,
        maker: str,
        size: int,
        now: float,
    ) -> int:
        """Make an entity; its number."""
        _check_properties(properties)
        with self._database.write() as tx:
            if prototype is not None:
                _refuse_long(len(_line(tx, prototype, entity.c.prototype, owner)) + 1, MOST_PROTOTYPES, "prototypes")
            if location is not None:
                _refuse_long(len(_line(tx, location, entity.c.location, owner)) + 1, MOST_PLACES, "places")
            made = tx.execute(
                insert(entity)
                .values(
                    owner=owner,
                    prototype=prototype,
                    location=location,
                    namespace=namespace,
                    properties=_text(properties),
                    size=size,
                    maker=maker,
                    created=now,
                )
                .returning(entity.c.id)
            )
            return int(made.scalar_one())

    def update(self, id: int, properties: Mapping[str, Json], removed: Collection[str], *, size: int) -> None:
        """Set some properties of an entity and take others away; its size is then ``size``."""
        with self._database.write() as tx:
            row = _row(tx, id)
            own: dict[str, Json] = {**json.loads(row.properties), **properties}
            for name in removed:
                own.pop(name, None)
            _check_properties(own)
            tx.execute(update(entity).where(entity.c.id == id).values(properties=_text(own), size=size))

    def set_prototype(self, id: int, prototype: int | None) -> None:
        """Let an entity inherit from another, or from none. Refuses a line that would come back to itself."""
        with self._database.write() as tx:
            row = _row(tx, id)
            if prototype is not None:
                line = _line(tx, prototype, entity.c.prototype, row.owner)
                if any(above.id == id for above in line):
                    raise LibraryFault(
                        f"entity {prototype} has {id} among its prototypes, or is itself",
                        hint="choose one that does not inherit from it",
                    )
                below = _height(tx, id, entity.c.prototype, MOST_PROTOTYPES)
                _refuse_long(len(line) + below, MOST_PROTOTYPES, "prototypes")
            tx.execute(update(entity).where(entity.c.id == id).values(prototype=prototype))

    def move(self, id: int, location: int | None) -> None:
        """Put an entity into another, or nowhere. Refuses to put one into itself or into what is in it."""
        with self._database.write() as tx:
            row = _row(tx, id)
            if location is not None:
                line = _line(tx, location, entity.c.location, row.owner)
                if any(around.id == id for around in line):
                    raise LibraryFault(
                        f"entity {location} is within {id}, or is itself", hint="choose a place outside of it"
                    )
                below = _height(tx, id, entity.c.location, MOST_PLACES)
                _refuse_long(len(line) + below, MOST_PLACES, "places")
            tx.execute(update(entity).where(entity.c.id == id).values(location=location))

    def destroy(self, id: int) -> None:
        """End an entity, its verbs and what it has scheduled. What is in it comes to be where it was.

        Refused for one that others inherit from.
        """
        with self._database.write() as tx:
            row = _row(tx, id)
            heirs = tx.execute(select(func.count()).where(entity.c.prototype == id)).scalar_one()
            if heirs:
                raise LibraryFault(
                    f"{heirs} {'entity inherits' if heirs == 1 else 'entities inherit'} from entity {id}",
                    hint="give them another prototype first",
                )
            tx.execute(update(entity).where(entity.c.location == id).values(location=row.location))
            for table in (verb, scheduled, player):
                tx.execute(delete(table).where(table.c.entity == id))
            tx.execute(delete(entity).where(entity.c.id == id))

    def set_verb(self, id: int, name: str, source: str, *, size: int) -> None:
        """Write a verb on an entity, in place of one of that name; its size is then ``size``."""
        with self._database.write() as tx:
            _row(tx, id)
            replaced = tx.execute(delete(verb).where(verb.c.entity == id, verb.c.name == name)).rowcount
            there_are = tx.execute(select(func.count()).where(verb.c.entity == id)).scalar_one()
            if not replaced and there_are >= MOST_VERBS:
                raise LibraryFault(
                    f"an entity has at most {MOST_VERBS} verbs of its own", kind="limit", hint="remove one first"
                )
            tx.execute(insert(verb).values(entity=id, name=name, source=source))
            tx.execute(update(entity).where(entity.c.id == id).values(size=size))

    def remove_verb(self, id: int, name: str, *, size: int) -> bool:
        """Take a verb of its own from an entity; whether it had one of that name. Its size is then ``size``."""
        with self._database.write() as tx:
            removed = tx.execute(delete(verb).where(verb.c.entity == id, verb.c.name == name)).rowcount > 0
            if removed:
                tx.execute(update(entity).where(entity.c.id == id).values(size=size))
            return removed

    # Who stands for whom

    def player(self, principal: str) -> int | None:
        """The entity that stands for a principal."""
        with self._database.read() as tx:
            return tx.execute(select(player.c.entity).where(player.c.principal == principal)).scalar()

    def set_player(self, principal: str, id: int) -> None:
        """Let an entity stand for a principal."""
        with self._database.write() as tx:
            tx.execute(delete(player).where(player.c.principal == principal))
            tx.execute(insert(player).values(principal=principal, entity=id))


def _row(tx: Connection, id: int) -> Row[tuple[object, ...]]:
    row = tx.execute(select(entity).where(entity.c.id == id)).first()
    if row is None:
        raise no_such_entity()
    return row


def _line(tx: Connection, id: int, edge: Column[int], owner: str | None = None) -> Sequence[Row[tuple[object, ...]]]:
    """An entity and all above it along ``edge``, the nearest first; of ``owner``, where one is named."""
    found: list[Row[tuple[object, ...]]] = []
    above: int | None = id
    while above is not None:
        row = tx.execute(select(entity).where(entity.c.id == above)).first()
        if row is None or owner not in (None, row.owner):
            raise no_such_entity()
        found.append(row)
        above = getattr(row, edge.name)
    return found


def _height(tx: Connection, id: int, edge: Column[int], most: int) -> int:
    """How many levels lie below an entity along ``edge``, itself included; counted to ``most``."""
    height, level = 0, [id]
    while level and height < most:
        height += 1
        level = list(tx.execute(select(entity.c.id).where(edge.in_(level))).scalars())
    return height


def _refuse_long(length: int, most: int, what: str) -> None:
    if length > most:
        raise LibraryFault(
            f"that would be a line of more than {most} {what}", kind="limit", hint="let it be nearer to the root"
        )


def _check_properties(properties: Mapping[str, Json]) -> None:
    if len(properties) > MOST_PROPERTIES:
        raise LibraryFault(
            f"an entity has at most {MOST_PROPERTIES} properties of its own", kind="limit", hint="keep lists in one"
        )


def _text(properties: Mapping[str, Json]) -> str:
    return json.dumps(properties, separators=(",", ":"))
