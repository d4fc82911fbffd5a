"""``par.*``: several things at the same time. Pictures are made side by side, script code still takes turns."""

from mintaka.runtime.ops import op
from mintaka.runtime.run import Run
from mintaka.runtime.values import Function, Value


@op("par.map", label="map in parallel")
def par_map(run: Run, items: list[Value], each: Function) -> list[Value]:
    """Apply `each` to all items at the same time; the results in order. The first failure cancels the others.

    > (par.map [1 2 3] (lambda [x] (* x 2)))
    [2 4 6]
    """
    run.build(len(items))
    taken = items[:]  # tasks may change the list
    return run.together(len(taken), lambda index: run.apply(each, taken[index]))
