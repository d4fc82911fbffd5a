"""A device has a budget of bytes: weights are kept by use, leave when others need the room, and never in use."""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from hypothesis import given, settings
from hypothesis import strategies as st

from mintaka.engine.messages import MODEL, Files
from mintaka.engine.models.info import Placement
from mintaka.engine.worker.loading import Shelf
from mintaka.engine.worker.room import Room, on_device
from mintaka.engine.worker.stepping import Cancelled, Lane, SteppingLoop, Ticket, aside
from tests.engine.conftest import make_controlnet, make_model

BUDGET = 10


SIZES = {"a": 1, "b": 3, "c": 5, "d": 8, "e": 12}


@settings(max_examples=50)
@given(asked=st.lists(st.sets(st.sampled_from("abcde"), min_size=1), max_size=12), data=st.data())
def test_all_get_room_in_their_order_and_never_more_than_there_is(asked: list[set[str]], data: st.DataObject) -> None:
    room = Room(BUDGET)
    waiting = [(wants, room.ask(wants)) for wants in ({key: SIZES[key] for key in each} for each in asked)]
    admitted: list[Future[None]] = []
    largest = max((sum(wants.values()) for wants, _ in waiting), default=0)
    while waiting:
        inside = [each for each in waiting if each[1].done()]
        assert [each[1].done() for each in waiting] == sorted((each[1].done() for each in waiting), reverse=True)
        assert inside
        assert room.held <= max(BUDGET, largest)
        wants, answer = data.draw(st.sampled_from(waiting))
        waiting.remove((wants, answer))
        admitted += [answer] if answer.done() else []
        room.leave(wants, answer)
    assert room.held == 0
    assert len(set(map(id, admitted))) == len(admitted)


def test_what_is_known_better_lets_others_in() -> None:
    room = Room(BUDGET)
    room.ask({"a": 9})
    other = room.ask({"b": 5})
    assert not other.done()
    room.correct("a", 4)
    assert other.done()
    assert (room.held, room.holds("b"), room.holds("c")) == (9, True, False)


def test_what_is_elsewhere_takes_no_room_on_a_device() -> None:
    parts = {"unet": 8, "vae": 1, "text_encoder": 2, "text_encoder_2": 4}
    flags = {
        (): 15,
        ("vae_on_cpu",): 14,
        ("clip_on_cpu",): 9,
        ("offload_to_cpu",): 8,
        ("offload_to_cpu", "clip_on_cpu"): 8,
    }
    for given_flags, bytes in flags.items():
        placement = Placement(**dict.fromkeys(given_flags, True))
        assert on_device(parts, placement, "cuda") == bytes
        assert on_device(parts, placement, "cpu") == 15


def models(root: Path) -> dict[str, Files]:
    """Three models, each of the starter's weights."""
    return {name: {MODEL: make_model(root / name, id=name)} for name in "abc"}


def test_models_are_kept_by_use_and_what_is_held_stays(tmp_path: Path) -> None:
    files = models(tmp_path)
    first = Shelf("cpu", 2**32).get(files["a"], "a")
    shelf = Shelf("cpu", 2 * first.weight_bytes)
    for name in ("a", "b", "a", "c"):
        shelf.get(files[name], name)
    assert shelf.ids() == ("a", "c")
    assert shelf.weight_bytes() == 2 * first.weight_bytes
    with shelf.holding(files["a"], "a", {}), shelf.holding(files["c"], "c", {}):
        kept = shelf.get(files["a"], "a")
        assert not shelf.let_go(kept.base.unet)
        shelf.get(files["b"], "b")
        assert set(shelf.ids()) == {"a", "b", "c"}
    shelf.get(files["a"], "a")
    assert shelf.let_go(kept.base.unet)
    assert shelf.ids() == ("a",)
    net = make_controlnet(tmp_path / "net")
    with shelf.holding({**files["a"], "net": net}, "a", {"net": "net"}):
        held = shelf.room.held
        loaded = shelf.controlnet(net, "net")
        assert shelf.room.held == held == first.weight_bytes + loaded.weight_bytes


@contextmanager
def looping() -> Iterator[SteppingLoop]:
    loop = SteppingLoop()
    thread = Thread(target=loop.run)
    thread.start()
    yield loop
    loop.stop()
    thread.join()


def test_a_request_waits_for_room_and_others_of_what_is_loaded_do_not(tmp_path: Path) -> None:
    files = models(tmp_path)
    size = Shelf("cpu", 2**32).get(files["a"], "a").weight_bytes
    shelf, go_on, said = Shelf("cpu", int(1.5 * size)), Event(), []
    holds = {name: Event() for name in ("first", "second")}
    ends: dict[str, Future[BaseException | None]] = {
        name: Future() for name in ("first", "second", "waiting", "cancelled")
    }

    def hold(name: str, model: str) -> None:
        with shelf.holding(files[model], model, {}):
            said.append(name)
            if name in holds:
                holds[name].set()
                aside(go_on.wait, Lane.LOAD)

    def ticket(number: int, name: str, model: str) -> Ticket:
        return Ticket(number, lambda: hold(name, model), lambda _, error: ends[name].set_result(error))

    with looping() as loop:
        loop.submit(ticket(1, "first", "a"))
        loop.submit(ticket(2, "second", "a"))
        assert holds["first"].wait(20)
        assert holds["second"].wait(20)
        loop.submit(ticket(3, "waiting", "b"))
        loop.submit(ticket(4, "cancelled", "c"))
        loop.cancel(4)
        assert isinstance(ends["cancelled"].result(20), Cancelled)
        assert said == ["first", "second"]
        go_on.set()
        assert [ends[name].result(20) for name in ("first", "second", "waiting")] == [None, None, None]
    assert said == ["first", "second", "waiting"]
    assert shelf.room.held == 0
