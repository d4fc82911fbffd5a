"""Compiled programs kept: in memory, and in a folder that outlives the process.

A program is found by its source, the text or JSON form as it came, so that a script seen before is neither read,
checked nor compiled. Its name is a hash of that source, of the ops it was compiled against and of the compiler itself:
a program made by another compiler, or for other ops, is never found.

The folder is a power the embedder passes in, and belongs to it alone. What is in it is code, which Python's `marshal`
reads without any safety of its own, so every entry is authenticated by a keyed hash with a secret of the embedder: what
was damaged, cut off or written by somebody else is not read but made anew. Entries are written whole or not at all.
"""

import json
import marshal
import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import astuple
from functools import cache
from hashlib import blake2b
from hmac import compare_digest
from os import replace
from pathlib import Path
from tempfile import NamedTemporaryFile

from mintaka.lang.parameters import Parameter
from mintaka.lang.spans import Span
from mintaka.lang.tree import Call, from_json, to_json
from mintaka.runtime.compiler import Program
from mintaka.runtime.ops import OpTable
from mintaka.runtime.writer import Site

_SIZE = 16
"""Bytes of a name, and of the hash that an entry begins with."""


class ProgramCache:
    """Programs compiled against one table of ops: the last ``most`` in memory, all in ``folder`` if there is one.

    ``secret`` (at most 64 bytes, random, kept by the embedder beside its other secrets) authenticates the folder's
    entries; a folder without a secret is refused with `ValueError`.
    """

    def __init__(self, ops: OpTable, *, most: int = 256, folder: Path | None = None, secret: bytes = b"") -> None:
        if folder is not None and not secret:
            raise ValueError("a folder of programs needs a secret that its entries are authenticated by")
        self._ops = ops
        # In memory there are only programs of this process, of this compiler and these ops.
        self._made_for = blake2b(f"{_compiler()}{_fingerprint(ops)}".encode()).digest() if folder is not None else b""
        self._most = most
        self._programs: OrderedDict[str, Program] = OrderedDict()
        self._folder = folder
        self._secret = secret

    def program(self, kind: str, source: str, make: Callable[[], Program]) -> Program:
        """The program of a source, read from the cache or made by ``make``, whose errors are passed on.

        ``kind`` says how ``source`` is read (text, JSON), and all else that ``make`` depends on.
        """
        name = blake2b(f"{kind}\0{source}".encode(), digest_size=_SIZE, key=self._made_for).hexdigest()
        program = self._programs.get(name)
        if program is not None:
            self._programs.move_to_end(name)
            return program
        program = self._read(name)
        if program is None:
            program = make()
            self._write(name, program)
        self._programs[name] = program
        if len(self._programs) > self._most:
            self._programs.popitem(last=False)
        return program

    def _read(self, name: str) -> Program | None:
        if self._folder is None:
            return None
        try:
            entry = (self._folder / name).read_bytes()
        except OSError:
            return None
        if not compare_digest(entry[:_SIZE], self._proof(name, entry[_SIZE:])):
            return None
        return _loaded(entry[_SIZE:], self._ops)

    def _write(self, name: str, program: Program) -> None:
        if self._folder is None:
            return
        body = _dumped(program)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(dir=self._folder, delete=False) as file:
                file.write(self._proof(name, body) + body)
            replace(file.name, self._folder / name)
        except OSError:
            return  # a full or vanished disk makes programs slower to come, not impossible

    def _proof(self, name: str, body: bytes) -> bytes:
        return blake2b(name.encode() + body, digest_size=_SIZE, key=self._secret).digest()


def _dumped(program: Program) -> bytes:
    sites = [(site.op, site.span.line, site.span.column, site.span.end_line, site.span.end_column, site.span.path)
             for site in program.sites]  # fmt: skip
    functions = {name: json.dumps(to_json(made_by)) for name, made_by in program.functions.items()}
    parameters = [astuple(each) for each in program.parameters]
    digest = program.digest()
    kept = (program.code, tuple(program.helpers), sites, functions, program.bytes_per_tick, parameters, digest)
    return marshal.dumps(kept)


def _loaded(body: bytes, ops: OpTable) -> Program:
    code, helpers, sites, functions, bytes_per_tick, parameters, digest = marshal.loads(body)
    made_by: dict[str, Call] = {}
    for name, form in functions.items():
        call = from_json(json.loads(form))
        assert isinstance(call, Call)
        made_by[name] = call
    return Program(
        code=code,
        helpers=helpers,
        sites=tuple(Site(op, Span(*place)) for op, *place in sites),
        functions=made_by,
        bytes_per_tick=bytes_per_tick,
        parameters=tuple(Parameter(*each) for each in parameters),
        ops=ops,
        digest=lambda: digest,
    )


def _fingerprint(ops: OpTable) -> str:
    """What programs depend on of the ops: their names, parameters and whether the compiler knows them."""
    told = json.dumps([ops.describe(), [each.name for each in ops if ops.standard(each.name)]])
    written = "".join(f"{name}{to_json(made.body)}" for name, made in sorted(ops.definitions.items()))
    return blake2b(f"{told}{written}".encode(), digest_size=_SIZE).hexdigest()


@cache
def _compiler() -> str:
    """What programs depend on of the compiler: all of its source, and the version of Python."""
    told = blake2b(sys.version.encode(), digest_size=_SIZE)
    room = Path(__file__).parent
    for file in sorted([*room.glob("*.py"), *(room.parent / "lang").glob("*.py")]):
        told.update(file.read_bytes())
    return told.hexdigest()
