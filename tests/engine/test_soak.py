"""A short soak of the engine; ``make soak`` makes a long one, with two workers that are killed and stopped."""

from pathlib import Path

import pytest

from fuzz.engine import soaking, write_upscaler
from mintaka.engine.models import ModelFolder
from mintaka.engine.supervisor import Engine
from tests.engine.conftest import STARTER


@pytest.mark.asyncio(loop_scope="session")
async def test_every_call_ends_once_as_it_should_and_nothing_stays_reserved(
    engine: Engine, model_folders: Path, tmp_path: Path
) -> None:
    write_upscaler(model_folders / "large" / "large.safetensors", 2)
    models = ModelFolder([STARTER.parent, model_folders])
    with soaking(engine, models, tmp_path, 4, kills=0, stops=False) as run:
        await run.many(0, 30, calm=False)
        await run.settle()
    assert run.faults == []
    assert sum(number for end, number in run.ends.items() if not end.startswith("(")) == 30
    assert run.ends["done"] > 10
