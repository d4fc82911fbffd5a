"""Waiting with a deadline: what is awaited is begun without a timer, and behaves as if there had been one all along."""

import asyncio

import pytest

from mintaka.runtime.waits import until


class Late(Exception):
    """The deadline passed."""


async def test_what_is_answered_at_once_is_never_late() -> None:
    async def at_once() -> str:
        return "answer"

    assert await until(asyncio.get_running_loop().time() - 1, at_once(), Late) == "answer"


async def test_what_fails_at_once_fails_in_its_own_way() -> None:
    async def fails() -> None:
        raise TimeoutError("of its own")

    with pytest.raises(TimeoutError, match="of its own"):
        await until(asyncio.get_running_loop().time() + 60, fails(), Late)


async def test_what_has_to_wait_is_cancelled_at_the_deadline() -> None:
    seen: list[str] = []

    async def waits() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    with pytest.raises(Late):
        await until(asyncio.get_running_loop().time() - 1, waits(), Late)
    assert seen == ["cancelled"]


async def test_answers_and_errors_reach_what_waits_step_by_step() -> None:
    async def steps() -> list[object]:
        loop = asyncio.get_running_loop()
        first, second, third = (loop.create_future() for _ in range(3))
        loop.call_soon(first.set_result, 1)
        got: list[object] = [await first]
        loop.call_soon(second.set_exception, KeyError("two"))
        try:
            await second
        except KeyError as error:
            got.append(error.args[0])
        await asyncio.sleep(0)
        loop.call_soon(third.set_exception, ValueError("three"))
        try:
            await third
        except ValueError:
            return got
        return []

    assert await until(asyncio.get_running_loop().time() + 60, steps(), Late) == [1, "two"]


async def test_a_first_wait_that_fails_can_be_answered_for() -> None:
    async def steps() -> str:
        failed = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(failed.set_exception, KeyError())
        try:
            await failed
        except KeyError:
            return "caught"
        return ""

    assert await until(asyncio.get_running_loop().time() + 60, steps(), Late) == "caught"


async def test_cancelling_who_waits_cancels_what_is_awaited_and_lets_it_clean_up() -> None:
    ended: list[str] = []

    async def waits() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await asyncio.sleep(0)
            ended.append("cleaned up")

    task = asyncio.ensure_future(until(asyncio.get_running_loop().time() + 60, waits(), Late))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["cleaned up"]


async def test_closing_who_waits_closes_what_is_awaited() -> None:
    ended: list[str] = []

    async def waits() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append("closed")

    waiting = until(asyncio.get_running_loop().time() + 60, waits(), Late)
    waiting.send(None)
    waiting.close()
    assert ended == ["closed"]
