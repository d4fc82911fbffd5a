"""The types ``fs.read`` and ``fs.write``: files in folders that the server was given by name, and nowhere else."""

import asyncio
from collections.abc import Mapping
from typing import Annotated

from mintaka.capabilities.failures import told
from mintaka.capabilities.order import AtMost
from mintaka.capabilities.places import PathPrefix, Segments, path_components
from mintaka.capabilities.registry import Effect, capability, method
from mintaka.capabilities.restrictions import Restrictions, restriction
from mintaka.capabilities.use import Use
from mintaka.capabilities.widgets import Widget
from mintaka.runtime.errors import HostFault
from mintaka.runtime.values import Value
from mintaka.storage.folders import Folder

MOST_BYTES = 1 << 20
"""The largest text that is read or written at once."""

Path = Annotated[str, 'Where, beginning with the name of a folder: "pictures/holiday/notes.txt"']


class FileRestrictions(Restrictions):
    """What reading and writing files can be restricted to."""

    path: PathPrefix = restriction("Only this path and what lies under it")
    max_bytes: AtMost = restriction("Largest file", unit="bytes", least=1)


class Folders:
    """The folders there are, by the names that paths begin with."""

    def __init__(self, folders: Mapping[str, Folder]) -> None:
        self._folders = dict(folders)

    def find(self, path: str) -> tuple[Folder, Segments]:
        """The folder a path is in, and the rest of it. Raises HostFault ``invalid_params``."""
        components = path_components(path)
        if components is None:
            raise HostFault(
                f"`{path[:100]}` is no plain path",
                kind="invalid_params",
                hint='write it without "." and "..", with one "/" between names and none in front',
            )
        folder = self._folders.get(components[0])
        if folder is None:
            there_are = ", ".join(sorted(self._folders)) or "none; the server's setting `folders` names them"
            raise HostFault(
                f"there is no folder `{components[0]}`", kind="invalid_params", hint=f"there are: {there_are}"
            )
        return folder, components[1:]


@capability("fs.read", label="Read files", restrictions=FileRestrictions)
class ReadFiles:
    """Read texts in folders of the server that it was given by name."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders

    @method(effects=Effect.READS, errors=("storage_error",))
    async def list(self, use: Use, path: Path) -> "list[dict[str, Value]]":
        """What is in a folder: `{name folder size}` each, by name."""
        use.permit(path=path)
        folder, rest = self._folders.find(path)
        with told():
            entries = await asyncio.to_thread(folder.list, rest)
        return [{"name": each.name, "folder": each.folder, "size": each.size} for each in entries]

    @method(effects=Effect.READS, cost="bytes(result)", errors=("storage_error",))
    async def read(self, use: Use, path: Path) -> str:
        """The text of a file, in UTF-8."""
        use.permit(path=path)
        folder, rest = self._folders.find(path)
        with told():
            size = await asyncio.to_thread(folder.size, rest)
            with use.admitted({"path": path, "max_bytes": size}, {"bytes": size}) as call:
                data = await asyncio.to_thread(folder.read, rest, min(size, MOST_BYTES))
                call.settle({"bytes": len(data)})
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise HostFault(
                "the file is no text in UTF-8", kind="invalid_params", hint="read a text, such as .txt, .json or .mtk"
            ) from None


@capability("fs.write", label="Write files", restrictions=FileRestrictions)
class WriteFiles:
    """Write texts into folders of the server that it was given by name."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders

    @method(effects=Effect.WRITES, cost="bytes(text)", errors=("limit", "storage_error", "storage_full"))
    async def write(self, use: Use, path: Path, text: Annotated[str, "What to write", Widget.PROSE]) -> None:
        """Write a text in UTF-8, in place of a file of that name; the folder is made where it is missing."""
        data = text.encode()
        if len(data) > MOST_BYTES:
            raise HostFault(f"a text of more than {MOST_BYTES} bytes cannot be written at once", kind="limit")
        folder, rest = self._named(path)
        asked = {"path": path, "max_bytes": len(data)}
        with told(), use.admitted(asked, {"uses": 1, "bytes": len(data)}):
            await asyncio.to_thread(folder.write, rest, data)

    @method(effects=Effect.WRITES, errors=("storage_error",))
    async def remove(self, use: Use, path: Path) -> None:
        """Take a file away."""
        folder, rest = self._named(path)
        with told(), use.admitted({"path": path}, {"uses": 1}):
            await asyncio.to_thread(folder.remove, rest)

    def _named(self, path: str) -> tuple[Folder, Segments]:
        folder, rest = self._folders.find(path)
        if not rest:
            raise HostFault(f"`{path}` is a folder", kind="invalid_params", hint=f"name a file in it: {path}/name.txt")
        return folder, rest
