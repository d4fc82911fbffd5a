"""Kill a server at random moments under random jobs, again and again, and see that nothing was lost or done twice.

``python -m fuzz.chaos KILLS [SEED]``. Between two kills jobs are submitted, some of them twice under one key, paused,
resumed, cancelled; pictures are drawn by the starter model. In the end the server is let finish, and of everything that
was accepted it must be true that

* it is done, failed with a cause, cancelled, paused or waiting, and what was answered before a kill is still known;
* its events are numbered without a gap, and what was heard of them before a kill is what is kept;
* what its script told, and each picture, was told once, and published once;
* nothing stays reserved, and no effect of a run that is over is kept.
"""

import asyncio
import contextlib
import random
import signal
import sqlite3
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mintaka import client
from mintaka.client import Connection, RemoteError
from tests.conftest import ServerProcess, serving

DRAW = '(let draw (get-capability "diffusers.generate"))'
PICTURE = '(draw.textToImage "a red circle" {:width 64 :height 64 :num_inference_steps 2 :seed SEED})'
SCRIPTS = (
    "(for n [1 2 3 4 5] (log n)) (+ 1 2)",
    f'{DRAW} (for n [1 2 3] (seq (log n) {PICTURE.replace("SEED", "n")})) "drawn"',
    f"{DRAW} (let few (delegate draw {{}} {{:uses 4}})) (let draw few)"
    f" (list.len (par.map [1 2 3] (lambda [n] {PICTURE.replace('SEED', 'n')})))",
    f'{DRAW} (try (draw.textToImage "x" {{:width 1}}) e (log e)) (revoke-capability (delegate draw))',
    '(throw "no")',
    "(for n (list.range 1 20) (seq (log n) (time.now))) (while true 1)",
)
OVER = ("done", "failed", "cancelled")


@dataclass
class Chaos:
    """What was done to a server so far, and what it answered."""

    chances: random.Random
    accepted: dict[str, str] = field(default_factory=dict)
    """The script of each job that was answered."""
    keys: dict[str, tuple[str, str]] = field(default_factory=dict)
    """The job and the script of each key."""
    heard: dict[str, dict[int, str]] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)

    async def act(self, m: Connection) -> None:
        """Do one thing, as a client might."""
        match self.chances.choice(("new", "new", "new", "again", "pause", "resume", "cancel", "follow")):
            case "new":
                await self.submit(m, f"k{self.chances.randrange(10**9)}", self.chances.choice(SCRIPTS))
            case "again" if self.keys:
                key = self.chances.choice(sorted(self.keys))
                await self.submit(m, key, self.keys[key][1])
            case "cancel" if self.accepted:
                job = self.chances.choice(sorted(self.accepted))
                await m.call("jobs.cancel", {"job": job})
                self.cancelled.add(job)
            case "follow" if self.accepted:
                await self.events(m, self.chances.choice(sorted(self.accepted)))
            case "pause" | "resume" as what if self.accepted:
                await m.call(f"jobs.{what}", {"job": self.chances.choice(sorted(self.accepted))})

    async def submit(self, m: Connection, key: str, script: str) -> None:
        """Ask for a job; under one key there is never a second."""
        try:
            answer: Any = await m.call("execute_script", {"source": script, "mode": "job", "idempotency_key": key})
        except RemoteError as error:
            if error.kind != "busy":
                raise
            return
        job = answer["job"]
        assert self.keys.setdefault(key, (job, script)) == (job, script), "a key stands for two jobs"
        self.accepted[job] = script

    async def events(self, m: Connection, job: str) -> list[dict[str, Any]]:
        """What is kept of a job's events: without a gap, and none other than was heard before."""
        told: Any = await m.call("jobs.events", {"job": job})
        assert [each["seq"] for each in told] == list(range(1, len(told) + 1)), f"{job}: a gap in {told}"
        before = self.heard.setdefault(job, {})
        now = {each["seq"]: each["event"] for each in told}
        assert before.items() <= now.items(), f"{job}: what was heard has changed"
        before.update(now)
        return list(told)

    async def storm(self, server: ServerProcess, seconds: float) -> None:
        """Act for a while, then kill the server, whatever it is at."""
        with contextlib.suppress(client.ConnectionLost, TimeoutError):
            async with client.connect(server.url, server.token) as m, asyncio.timeout(seconds):
                while True:
                    await self.act(m)
        server.stop(signal.SIGKILL)


async def settle(chaos: Chaos, server: ServerProcess) -> Counter[str]:
    """Let the server finish what it accepted, and see that all is as it should be; how many came to which end."""
    ends: Counter[str] = Counter()
    async with client.connect(server.url, server.token) as m:
        for job, script in chaos.accepted.items():
            await m.call("jobs.resume", {"job": job})
            if "(while" in script:
                await m.call("jobs.cancel", {"job": job})
        for job, script in chaos.accepted.items():
            async for event in m.events(job):
                if event.final:
                    break
            known: Any = await m.call("jobs.get", {"job": job})
            ends[known["state"]] += 1
            assert known["state"] in OVER, known
            assert (known["error"] is None) == (known["state"] == "done"), known
            events = await chaos.events(m, job)
            kinds = [each["event"].removeprefix("job.") for each in events]
            assert kinds[-1] == ("done" if known["state"] == "done" else "failed"), kinds
            assert sum(kind in ("done", "failed") for kind in kinds) == 1, kinds
            assert job not in chaos.cancelled or known["state"] in OVER
            logged = [each["text"] for each in events if each["event"] == "job.log"]
            assert len(logged) == len(set(logged)), f"{job} told twice: {logged}"
            pictures = [(each["call"], each["asset"]) for each in events if each["event"] == "job.asset"]
            assert len(pictures) == len(set(pictures)), f"{job} told a picture twice"
            if known["state"] == "done":
                check_whole(script, known, logged, pictures)
    return ends


def check_whole(script: str, known: dict[str, Any], logged: list[str], pictures: list[tuple[str, str]]) -> None:
    """A job that is done did all of it, once."""
    at = SCRIPTS.index(script)
    assert known["result"] == (3, "drawn", 3, 1)[at], known
    assert len(pictures) == len(known["assets"]) == (0, 3, 3, 0)[at], pictures
    assert len(logged) == (5, 3, 0, 1)[at], logged


def check_database(data: Path) -> None:
    """Nothing is reserved, nothing runs, no effect was paid twice, and no run left anything behind."""
    with contextlib.closing(sqlite3.connect(data / "mintaka.db")) as database:
        for question in (
            "SELECT sum(reserved) FROM account",
            "SELECT count(*) FROM invocation WHERE state = 'running'",
            "SELECT count(*) FROM effect",
            "SELECT count(*) FROM journal",
            "SELECT count(*) FROM job WHERE state NOT IN ('done', 'failed', 'cancelled')",
            "SELECT count(*) - count(DISTINCT effect) FROM invocation WHERE effect IS NOT NULL",
        ):
            (count,) = database.execute(question).fetchone()
            assert not count, f"{question}: {count}"


async def chaos(kills: int, seed: int) -> Counter[str]:
    """Kill a server so often; how many jobs came to which end."""
    world = Chaos(random.Random(seed))
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        options = {"MINTAKA_LIMITS__JOBS_AT_ONCE": "4", "MINTAKA_LIMITS__JOBS_KEPT": "100000"}
        for number in range(kills):
            with serving(data, env=options) as server:
                await world.storm(server, world.chances.expovariate(1 / 3))
            print(f"\r{number + 1} kills, {len(world.accepted)} jobs", end="", flush=True)
        with serving(data, env=options) as server:
            ends = await settle(world, server)
            server.stop()
        check_database(data)
    assert sum(ends.values()) == len(world.accepted)
    return ends


def main() -> None:
    """Run it and say how it went."""
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 25
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10**9)
    print(f"seed {seed}")
    ends = asyncio.run(chaos(kills, seed))
    print(f"\rafter {kills} kills: {', '.join(f'{count} {end}' for end, count in sorted(ends.items()))}")


if __name__ == "__main__":
    main()
