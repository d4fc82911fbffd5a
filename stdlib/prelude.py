"""``gen.*``: functions written in the language itself, in ``prelude.mtk``."""

from functools import cache
from importlib.resources import files

from mintaka.lang.definitions import Definition, read_definitions


@cache
def definitions() -> tuple[Definition, ...]:
    """The functions of the prelude, in their order; parsed when they are first asked for."""
    return read_definitions(files("mintaka.stdlib").joinpath("prelude.mtk").read_text(encoding="utf-8"))
