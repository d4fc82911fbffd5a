"""Interrupting and skipping at moments that a real server seldom has."""

from types import SimpleNamespace

from mintaka.server.api.a1111_running import Running
from mintaka.server.api.waiting import ACCEPTED, Wanted

CALL = SimpleNamespace(principal="ann", key=None)
TWICE = Wanted("diffusers.generate", "textToImage", ["a cat", {"batch": 2}])


class Waits:
    """Gives out jobs that are over at once; ``meanwhile`` happens while each is on its way, and after it is over."""

    def __init__(self, before=lambda number: None, after=lambda number: None):
        self.asked, self.ended = [], []
        self._before, self._after = before, after

    async def over(self, call, wanted, key, tell):
        number = len(self.asked)
        self.asked.append(wanted.args[-1].get("seed"))
        self._before(number)
        tell(ACCEPTED, {"job": f"j_{number}"})
        if f"j_{number}" not in self.ended:
            self.ended.append(f"j_{number}")
            self._after(number)
        return SimpleNamespace(id=f"j_{number}")

    def cancel(self, principal, job):
        if job in self.ended:
            return False
        self.ended.append(job)
        return True


async def drawn(waits, count=3):
    running = Running(waits, lambda: 0.0)
    waits.running = running
    return [job.id for job in await running.draw(CALL, TWICE, count, 7)]


async def test_seeds_follow_one_another_over_all_batches():
    waits = Waits()
    assert await drawn(waits) == ["j_0", "j_1", "j_2"]
    assert waits.asked == [7, 9, 11]


async def test_an_interrupt_while_a_job_is_on_its_way_ends_that_job():
    waits = Waits(before=lambda number: number == 1 and waits.running.skip("ann", everything=True))
    assert await drawn(waits) == ["j_0"]
    assert len(waits.asked) == 2


async def test_what_is_done_already_is_not_skipped():
    waits = Waits(after=lambda number: waits.running.skip("ann", everything=False))
    assert await drawn(waits) == ["j_0", "j_1", "j_2"]


async def test_nobody_stops_what_is_somebody_elses():
    waits = Waits(before=lambda number: waits.running.skip("ben", everything=True))
    assert await drawn(waits) == ["j_0", "j_1", "j_2"]
    assert waits.running.newest("ann") is None
