"""What a step tells of the time that is left."""

from mintaka.engine.requests import Step, TextToImage
from mintaka.engine.worker.pace import Paces


def asked(**changes: object) -> TextToImage:
    usual = {"id": "test", "model": "tiny", "prompt": "", "width": 64, "height": 64, "steps": 4, "guidance_scale": 2.0}
    return TextToImage(**{**usual, "seed": 1, **changes})  # type: ignore[arg-type]


def test_the_time_left_is_that_of_the_steps_so_far_and_of_finishing_others_like_it() -> None:
    now = [0.0]
    paces = Paces(lambda: now[0])

    def run(request: TextToImage, a_step: float) -> list[float | None]:
        pace, told = paces.of(request), []
        for step in range(1, 5):
            now[0] += a_step
            told.append(pace.timed(Step(step, 4)).eta_s)
        now[0] += 3.0
        pace.ended()
        return told

    assert run(asked(), 2.0) == [None, 4.0, 2.0, 0.0]
    assert run(asked(), 2.0) == [9.0, 7.0, 5.0, 3.0]
    assert run(asked(width=128), 2.0)[0] is None


def test_a_request_that_becomes_slower_is_said_to_take_longer() -> None:
    now = [0.0]
    pace = Paces(lambda: now[0]).of(asked())
    told = []
    for step, took in enumerate((1.0, 1.0, 5.0), start=1):
        now[0] += took
        told.append(pace.timed(Step(step, 10)).eta_s)
    assert told[1] == 8.0
    assert told[2] is not None
    assert told[2] > 14.0
