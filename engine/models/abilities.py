"""What a model can be asked for, and what to say where it was made for something else."""

from collections.abc import Mapping

from mintaka.engine.errors import Unsupported
from mintaka.engine.models.families import Task
from mintaka.engine.models.info import ModelInfo

CAN: Mapping[Task, str] = {
    Task.TEXT_TO_IMAGE: "draw from words alone",
    Task.IMAGE_TO_IMAGE: "draw over a picture",
    Task.INPAINTING: "repaint parts of a picture",
}

DOES: Mapping[Task, str] = {
    Task.TEXT_TO_IMAGE: "draws from words",
    Task.IMAGE_TO_IMAGE: "draws over pictures",
    Task.INPAINTING: "repaints parts of pictures",
}


def check_task(task: Task, info: ModelInfo) -> None:
    """Raise Unsupported where the model was made for something else."""
    if task not in info.tasks:
        does = " and ".join(DOES[each] for each in info.tasks)
        raise Unsupported(f"the model {info.id} {does} and cannot {CAN[task]}", hint="choose another model")
