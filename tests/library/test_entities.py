"""Entities as they are kept: what is inherited, what is where, and that nothing goes round in circles or is lost."""

from functools import cache

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule
from sqlalchemy import delete

from mintaka.library.agenda import MOST_OF_ONE, Agenda
from mintaka.library.entities import MOST_PLACES, MOST_PROPERTIES, MOST_PROTOTYPES, MOST_VERBS, Entities
from mintaka.library.errors import LibraryFault
from mintaka.storage.database import Database
from mintaka.storage.schema import cap, metadata, principal


@cache
def migrated() -> Database:
    """One database for all: to migrate one anew for each would take longer than the tests."""
    return Database("sqlite://")


def emptied() -> Database:
    """The database with nobody's entities in it yet."""
    database = migrated()
    with database.write() as tx:
        for table in reversed(metadata.sorted_tables):
            tx.execute(delete(table))
        for name in ("ann", "ben"):
            tx.execute(principal.insert().values(name=name, created=0.0))
        row = {"id": "c_1", "type": "sys.create", "own": "{}", "holder": "ann", "issuer": "ann", "depth": 0}
        tx.execute(cap.insert().values(**row, created=0.0, mac=b""))
    return database


@pytest.fixture
def database() -> Database:
    return emptied()


@pytest.fixture
def entities(database: Database) -> Entities:
    return Entities(database)


def made(
    entities: Entities, prototype: int | None = None, location: int | None = None, owner: str = "ann", **properties: int
) -> int:
    return entities.create(
        owner, properties, prototype=prototype, location=location, namespace=None, maker="c_1", size=0, now=0.0
    )


def test_an_entity_has_what_its_prototypes_have_unless_it_has_that_itself(entities: Entities) -> None:
    lamp = made(entities, light=5, weight=2)
    mine = made(entities, made(entities, lamp, weight=3), colour=1)
    found = entities.get(mine)
    assert (found.own, found.inherited) == ({"colour": 1}, {"light": 5, "weight": 3})
    entities.update(lamp, {"light": 9}, (), size=0)
    assert entities.get(mine).inherited["light"] == 9
    entities.update(mine, {"light": None}, (), size=0)
    assert "light" not in entities.get(mine).inherited
    entities.update(mine, {}, ["light", "nothing"], size=0)
    assert entities.get(mine).inherited["light"] == 9


def test_a_verb_is_found_on_the_nearest_that_has_it(entities: Entities) -> None:
    lamp = made(entities)
    mine = made(entities, lamp)
    entities.set_verb(lamp, "shine", "1", size=1)
    entities.set_verb(lamp, "wait", "2", size=2)
    assert [(each.name, each.entity) for each in entities.verbs(mine)] == [("shine", lamp), ("wait", lamp)]
    entities.set_verb(mine, "shine", "3", size=1)
    found = entities.verb(mine, "shine")
    assert found is not None
    assert (found.entity, found.source) == (mine, "3")
    assert entities.remove_verb(mine, "shine", size=0)
    assert not entities.remove_verb(mine, "shine", size=0)
    assert [each.entity for each in entities.verbs(mine)] == [lamp, lamp]
    assert entities.verb(mine, "dance") is None


def test_numbers_are_never_used_again(entities: Entities) -> None:
    first = made(entities)
    entities.destroy(first)
    assert made(entities) > first
    with pytest.raises(LibraryFault, match="unknown, not yours, or was destroyed"):
        entities.get(first)


def test_an_entity_inherits_from_its_owners_only_and_lies_in_theirs(entities: Entities) -> None:
    hers, his = made(entities), made(entities, owner="ben")
    for refused in (
        lambda: made(entities, hers, owner="ben"),
        lambda: made(entities, None, hers, owner="ben"),
        lambda: entities.set_prototype(his, hers),
        lambda: entities.move(his, hers),
        lambda: entities.move(his, 4711),
    ):
        with pytest.raises(LibraryFault, match="no such entity"):
            refused()
    assert entities.of("ben") == [his]


def test_lines_of_prototypes_and_of_places_are_not_endless(entities: Entities) -> None:
    line = [made(entities)]
    while len(line) < MOST_PROTOTYPES:
        line.append(made(entities, line[-1]))
    with pytest.raises(LibraryFault, match=f"more than {MOST_PROTOTYPES} prototypes"):
        made(entities, line[-1])
    with pytest.raises(LibraryFault, match="more than"):
        entities.set_prototype(line[0], made(entities))
    inside = [made(entities)]
    while len(inside) < MOST_PLACES:
        inside.append(made(entities, None, inside[-1]))
    with pytest.raises(LibraryFault, match=f"more than {MOST_PLACES} places"):
        entities.move(inside[0], made(entities))


def test_an_entity_has_only_so_many_properties_and_verbs(entities: Entities) -> None:
    id = made(entities)
    with pytest.raises(LibraryFault, match="at most 1000 properties"):
        entities.update(id, {str(number): 0 for number in range(MOST_PROPERTIES + 1)}, (), size=0)
    for number in range(MOST_VERBS):
        entities.set_verb(id, str(number), "0", size=0)
    entities.set_verb(id, "7", "1", size=0)
    with pytest.raises(LibraryFault, match="at most 200 verbs"):
        entities.set_verb(id, "more", "0", size=0)


def test_what_others_inherit_from_is_not_destroyed(entities: Entities) -> None:
    lamp = made(entities)
    mine = made(entities, lamp)
    with pytest.raises(LibraryFault, match="1 entity inherits from entity"):
        entities.destroy(lamp)
    entities.set_prototype(mine, None)
    entities.destroy(lamp)


def test_what_is_due_is_taken_once_the_longest_first(database: Database, entities: Entities) -> None:
    agenda, hers, his = Agenda(database), made(entities), made(entities, owner="ben")
    agenda.add(hers, "late", "[]", 20.0)
    agenda.add(hers, "early", "[]", 10.0)
    agenda.add(his, "other", "[]", 15.0)
    assert agenda.next() == 10.0
    assert agenda.next(["ann"]) == 15.0
    assert agenda.take(9.0) is None
    taken = [agenda.take(20.0), agenda.take(20.0, ["ben"]), agenda.take(20.0), agenda.take(20.0)]
    assert [None if each is None else each.verb for each in taken] == ["early", "late", "other", None]
    assert agenda.next() is None


def test_what_an_entity_has_scheduled_ends_with_it_and_is_bounded(database: Database, entities: Entities) -> None:
    agenda, id = Agenda(database), made(entities)
    for number in range(MOST_OF_ONE):
        agenda.add(id, "tick", "[]", float(number))
    with pytest.raises(LibraryFault, match="at most 100 runs of one entity"):
        agenda.add(id, "tick", "[]", 0.0)
    assert len(agenda.of(id)) == MOST_OF_ONE
    entities.destroy(id)
    assert agenda.next() is None


class Worlds(RuleBasedStateMachine):
    """Prototypes and places against a model that is two dictionaries."""

    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.entities = Entities(emptied())
        self.prototypes: dict[int, int | None] = {}
        self.places: dict[int, int | None] = {}

    @rule(target=ids, prototype=st.none() | ids, location=st.none() | ids)
    def create(self, prototype: int | None, location: int | None) -> object:
        unknown = [each for each in (prototype, location) if each is not None and each not in self.places]
        try:
            id = made(self.entities, prototype, location)
        except LibraryFault:
            assert unknown
            return multiple()
        assert not unknown
        self.prototypes[id], self.places[id] = prototype, location
        return id

    @rule(id=ids, prototype=st.none() | ids)
    def inherit(self, id: int, prototype: int | None) -> None:
        self.link(self.prototypes, self.entities.set_prototype, id, prototype)

    @rule(id=ids, location=st.none() | ids)
    def move(self, id: int, location: int | None) -> None:
        self.link(self.places, self.entities.move, id, location)

    def link(self, links: dict[int, int | None], act: object, id: int, above: int | None) -> None:
        fine = id in links and (above is None or above in links) and id not in self.line(links, above)
        try:
            act(id, above)  # type: ignore[operator]
        except LibraryFault:
            assert not fine
        else:
            assert fine
            links[id] = above

    @rule(id=ids)
    def destroy(self, id: int) -> None:
        fine = id in self.places and id not in self.prototypes.values()
        try:
            self.entities.destroy(id)
        except LibraryFault:
            assert not fine
            return
        assert fine
        around = self.places.pop(id)
        del self.prototypes[id]
        self.places |= {each: around for each, place in self.places.items() if place == id}

    @staticmethod
    def line(links: dict[int, int | None], id: int | None) -> list[int]:
        found: list[int] = []
        while id is not None:
            found.append(id)
            id = links.get(id)
        return found

    @invariant()
    def everything_is_where_it_should_be(self) -> None:
        assert self.entities.of("ann") == sorted(self.places)
        for id in self.places:
            found = self.entities.get(id)
            assert (found.prototype, found.location) == (self.prototypes[id], self.places[id])
            assert list(found.contents) == sorted(each for each, place in self.places.items() if place == id)
            assert len(set(self.line(self.prototypes, id))) == len(self.line(self.prototypes, id)) <= MOST_PROTOTYPES


class TestWorlds(Worlds.TestCase):
    settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
