"""Files: only in folders that were given by name, only under the path a capability allows, and paid by the byte."""

from pathlib import Path
from typing import Any

import pytest

from mintaka.capabilities.files import Folders, ReadFiles, WriteFiles
from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.registry import Registry
from mintaka.capabilities.terms import Terms
from mintaka.capabilities.value import CapabilityValue
from mintaka.runtime.errors import HostFault
from mintaka.storage.folders import Folder


@pytest.fixture
def kernel(world: Any, tmp_path: Path) -> Kernel:
    (tmp_path / "notes" / "a").mkdir(parents=True)
    (tmp_path / "notes" / "a" / "one.txt").write_text("één")
    (tmp_path / "notes" / "a-secret").mkdir()
    (tmp_path / "notes" / "a-secret" / "two.txt").write_text("secret")
    (tmp_path / "notes" / "picture.png").write_bytes(b"\x89PNG")
    folders = Folders({"notes": Folder(tmp_path / "notes")})
    registry = Registry([ReadFiles(folders), WriteFiles(folders)])
    return Kernel(world.database, registry, clock=world.clock, token_bytes=world.random.randbytes, key=bytes(range(32)))


def held(kernel: Kernel, type: str, restrictions: object = None, limits: object = None) -> CapabilityValue:
    root = next(each for each in kernel.bootstrap("ann") if each.type == type)
    return CapabilityValue(kernel, "ann", kernel.delegate("ann", root.id, Terms(restrictions, limits)).id, type)


async def kind_of(world: Any, cap: CapabilityValue, method: str, *args: Any) -> str:
    with pytest.raises(HostFault) as caught:
        await cap.call(world.run(), method, list(args))
    return caught.value.kind


async def test_texts_are_written_listed_read_and_removed(world: Any, kernel: Kernel) -> None:
    write, read = held(kernel, "fs.write"), held(kernel, "fs.read")
    await write.call(world.run(), "write", ["notes/new/hello.txt", "hello"])
    assert await read.call(world.run(), "read", ["notes/new/hello.txt"]) == "hello"
    assert await read.call(world.run(), "list", ["notes/new"]) == [{"name": "hello.txt", "folder": False, "size": 5}]
    await write.call(world.run(), "remove", ["notes/new/hello.txt"])
    assert await read.call(world.run(), "list", ["notes/new"]) == []


async def test_a_path_restriction_covers_whole_components_and_nothing_beside(world: Any, kernel: Kernel) -> None:
    read = held(kernel, "fs.read", {"path": "notes/a"})
    assert await read.call(world.run(), "read", ["notes/a/one.txt"]) == "één"
    for path in ("notes/a-secret/two.txt", "notes", "notes/a/../a-secret/two.txt", "notes/./a/one.txt", "/etc/passwd"):
        assert await kind_of(world, read, "read", path) == "denied"
        assert await kind_of(world, read, "list", path) == "denied"


@pytest.mark.parametrize("path", ["../etc/passwd", "notes/../x", "/notes/a", "notes//a", "other/a", "", "notes\\a"])
async def test_a_path_that_is_none_here_is_told_whoever_asks(world: Any, kernel: Kernel, path: str) -> None:
    assert await kind_of(world, held(kernel, "fs.read"), "read", path) == "invalid_params"
    assert await kind_of(world, held(kernel, "fs.write"), "write", path, "x") == "invalid_params"


async def test_bytes_are_paid_and_files_too_large_are_refused(world: Any, kernel: Kernel) -> None:
    write = held(kernel, "fs.write", {"max_bytes": 5}, {"bytes": 8})
    await write.call(world.run(), "write", ["notes/x.txt", "12345"])
    assert await kind_of(world, write, "write", "notes/y.txt", "123456") == "denied"
    assert await kind_of(world, write, "write", "notes/y.txt", "1234") == "no_budget"
    assert write.describe().left == {"bytes": 3}
    read = held(kernel, "fs.read", {}, {"bytes": 4})
    assert await kind_of(world, read, "read", "notes/x.txt") == "no_budget"
    await write.call(world.run(), "write", ["notes/z.txt", "123"])
    assert await read.call(world.run(), "read", ["notes/z.txt"]) == "123"
    assert read.describe().left == {"bytes": 1}


async def test_what_is_no_text_is_told(world: Any, kernel: Kernel) -> None:
    assert await kind_of(world, held(kernel, "fs.read"), "read", "notes/picture.png") == "invalid_params"
    assert await kind_of(world, held(kernel, "fs.read"), "read", "notes/none.txt") == "invalid_params"
    assert await kind_of(world, held(kernel, "fs.write"), "write", "notes", "x") == "invalid_params"
