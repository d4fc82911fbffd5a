"""The ops of the language, one file a subject: adding an op is one decorated function in one of them.

What is natural in the language itself is written in it, in ``prelude.mtk``.
"""

from mintaka.stdlib import (
    arithmetic,
    comparison,
    core,
    json_texts,
    lists,
    mathematics,
    objects,
    parallel,
    prelude,
    texts,
    times,
)

modules = (core, arithmetic, comparison, mathematics, lists, objects, texts, json_texts, times, parallel, prelude)
"""What `OpTable.of` is made from."""

__all__ = ["modules"]
