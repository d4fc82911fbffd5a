"""What other rooms fail at, told in a script's terms."""

from collections.abc import Iterator
from contextlib import contextmanager

from mintaka.engine.errors import EngineError
from mintaka.library.errors import LibraryFault
from mintaka.runtime.errors import HostFault
from mintaka.storage.errors import StorageFailed


@contextmanager
def told() -> Iterator[None]:
    """Turn the failures of the engine, the library and storage into errors of the run, with their kinds."""
    try:
        yield
    except (EngineError, LibraryFault, StorageFailed) as error:
        raise HostFault(error.message, kind=error.kind, hint=error.hint) from error
