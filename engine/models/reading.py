"""From what was found to what is known of it."""

from pathlib import Path

from mintaka.engine.models.controlnets import read_controlnet
from mintaka.engine.models.finding import Found
from mintaka.engine.models.info import CONFIG, INDEX, read_model
from mintaka.engine.models.kinds import ENDINGS, Kind
from mintaka.engine.models.snapshot import Info
from mintaka.engine.models.weights import read_weights


def read_found(found: Found) -> tuple[Kind, Info] | None:
    """What was ``found`` and of which kind; ``None`` where it is nothing to draw with. Raises BadModel."""
    if found.kind is Kind.MODEL and (found.marker == INDEX or found.path.endswith(ENDINGS[Kind.MODEL])):
        return Kind.MODEL, read_model(Path(found.path), found.name)
    if found.marker == CONFIG and found.kind in (None, Kind.CONTROLNET):
        controlnet = read_controlnet(Path(found.path), found.name)
        if controlnet is not None:
            return Kind.CONTROLNET, controlnet
    return read_weights(found)
