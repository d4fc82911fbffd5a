"""What stays loaded of LoRAs; a module is what its request asked for, whatever was loaded or removed meanwhile."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mintaka.engine.messages import lora_role
from mintaka.engine.requests import Lora
from mintaka.engine.worker import torchvision_operators
from tests.engine.conftest import STARTER, write_lora

torchvision_operators.make_importable()
import diffusers  # noqa: E402

from mintaka.engine.worker import adapters  # noqa: E402


@pytest.fixture(scope="module")
def pipeline() -> Any:
    return diffusers.StableDiffusionPipeline.from_pretrained(STARTER, dtype=torch.float32)


@pytest.mark.filterwarnings(
    "ignore:Already found a `peft_config`", "ignore:Adapter .* was active"
)  # as the worker does
def test_loras_nobody_uses_leave_and_what_is_left_acts_as_before(
    pipeline: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapters, "MOST_KEPT", 1)
    for number, name in enumerate(("first", "second")):
        write_lora(tmp_path / f"{name}.safetensors", number)
    unet, kept = pipeline.unet, adapters.Adapters("tiny", pipeline)
    text = torch.zeros(1, 77, unet.config.cross_attention_dim)

    def run(modules: Any) -> Tensor:
        with torch.inference_mode():
            result: Tensor = modules["unet"](torch.ones(1, 4, 8, 8), 5, encoder_hidden_states=text).sample
        return result

    def drawn(*names: str) -> Tensor:
        files = {lora_role(number): tmp_path / f"{name}.safetensors" for number, name in enumerate(names)}
        with kept.modules([Lora(name) for name in names], files) as modules:
            result = run(modules)
            if names == ("first",):  # another is loaded, used and removed while this one is at work
                other = drawn("second")
                assert not torch.allclose(other, result, atol=1e-2)
                assert torch.equal(run(modules), result)
            return result

    plain, first, second = drawn(), drawn("first"), drawn("second")
    assert len(unet.peft_config) == 1
    assert torch.equal(drawn(), plain)
    assert torch.equal(drawn("first"), first)
    assert torch.equal(drawn("second"), second)
    assert len(unet.peft_config) == 1
    assert min(float((one - other).abs().max()) for one, other in ((plain, first), (first, second))) > 0.01
