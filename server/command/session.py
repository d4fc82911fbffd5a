"""A session at the prompt: takes inputs, runs them or answers them, and remembers what they bound."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mintaka.client import RemoteError
from mintaka.lang.blocks import to_blocks
from mintaka.lang.diagnostics import SyntaxFault
from mintaka.lang.tree import Node, to_json
from mintaka.server.command.directives import directive, listing
from mintaka.server.command.inline import inline
from mintaka.server.command.memory import forms
from mintaka.server.command.plan import estimated, method_calls, ops_called
from mintaka.server.command.run import play
from mintaka.server.command.show import SavedPicture, error_text, place_text, plain, result_text
from mintaka.server.command.vocabulary import Vocabulary

if TYPE_CHECKING:
    from rich.console import Console

    from mintaka.client import Connection

Say = Callable[[str], None]


class Session:
    """One session. ``say`` is given what a person asked for, ``complain`` what went wrong."""

    def __init__(self, connection: "Connection", out: Path, console: "Console", say: Say, complain: Say) -> None:
        self._connection = connection
        self._out = out
        self._console = console
        self._say = say
        self._complain = complain
        self.vocabulary = Vocabulary()
        self.as_json = False
        """Whether results are shown as one line of JSON."""
        self.failures = 0
        """How many inputs could not be run or answered."""
        self.over = False
        """Whether the person asked to end it."""

    async def learn_words(self) -> None:
        """Ask the server what can be named: ops, and the types of the capabilities one holds."""
        self.vocabulary.entries = _mappings(await self._connection.call("get_opcodes"))
        self.vocabulary.types = _mappings(await self._connection.call("get_capability_metadata"))

    async def take(self, line: str) -> None:
        """Run an input, form by form up to the first that fails, or do what a directive says."""
        asked = None if line.strip() in self.vocabulary.memory.names else directive(line)
        if asked is not None:
            await self._direct(*asked)
            return
        for form in forms(line):
            if not await self._run(form):
                return

    async def _run(self, source: str, *, timed: bool = False) -> bool:
        memory = self.vocabulary.memory
        before, args = memory.before()
        try:
            value, saved, used = await play(
                self._connection, before + source, "<stdin>", {}, self._out, self._console, args
            )
        except RemoteError as error:
            self._failed(error_text(error, source, "input", lines_before=before.count("\n")))
            return False
        except OSError as error:
            reason = (error.strerror or "error").lower()
            self._failed(f"The pictures cannot be saved in {self._out}: {reason}.")
            return False
        memory.learn(source, value)
        self._show(value, saved)
        if timed:
            seconds, fuel, calls = used.get("seconds"), used.get("fuel"), used.get("calls")
            assert isinstance(seconds, float | int)
            self._say(f"{seconds * 1000:,.1f} ms, {fuel:,} units of fuel, {calls} calls")
        return True

    def _show(self, value: object, saved: list[SavedPicture]) -> None:
        if self.as_json:
            self._say(json.dumps(plain(value, saved), ensure_ascii=False))
        else:
            self._say(inline(saved) + result_text(value, saved))

    def _failed(self, text: str) -> None:
        self.failures += 1
        self._complain(text)

    async def _direct(self, word: str, rest: str) -> None:
        match word:
            case "?":
                self._say(self.vocabulary.help(rest))
            case ":help":
                self._say(listing())
            case ":vars":
                self._say(self._variables() or "Nothing is bound yet: (let name value)")
            case ":caps":
                await self._capabilities()
            case ":quit":
                self.over = True
            case ":time" | ":plan" | ":json" | ":blocks" | ":load" | ":save" if not rest:
                what = "a file" if word in (":load", ":save") else "a form"
                self._failed(f"{word} wants {what} behind it; see :help.")
            case ":time":
                await self._run(rest, timed=True)
            case ":plan":
                await self._plan(rest)
            case ":json":
                self._structure(rest, to_json)
            case ":blocks":
                self._structure(rest, to_blocks)
            case ":load":
                await self._load(Path(rest))
            case ":save":
                self._save(Path(rest))
            case _:
                self._failed(f"There is no {word}; see :help.")

    def _variables(self) -> str:
        vocabulary = self.vocabulary
        names = vocabulary.memory.names
        width = max(map(len, names), default=0)
        return "\n".join(f"{name:{width}}  {vocabulary.kind(name)}{self._value(name)}" for name in names)

    def _value(self, name: str) -> str:
        """What a variable holds, as far as it fits a line."""
        value = self.vocabulary.memory.values.get(name)
        if not isinstance(value, bool | int | float | str | list | dict):
            return ""
        text = json.dumps(plain(value, []), ensure_ascii=False)
        return "  " + (text if len(text) <= 60 else text[:59] + "…")

    async def _capabilities(self) -> None:
        self.vocabulary.types = _mappings(await self._connection.call("get_capability_metadata"))
        for each in self.vocabulary.types:
            self._say(f"{each['type']}: {', '.join(str(method['name']) for method in each['methods'])}")
        if not self.vocabulary.types:
            self._say("You hold no capability.")

    async def _plan(self, source: str) -> None:
        """What an input would call, from its tree and from what the server's checker finds it needs."""
        memory = self.vocabulary.memory
        before, _ = memory.before()
        answer = await self._connection.check(before + source)
        shift = before.count("\n")
        wrong = [
            each
            for each in _mappings(answer.get("diagnostics"))
            if isinstance(each.get("line"), int) and each["line"] > shift
        ]
        for each in wrong:
            self._complain(place_text(each, source, "input", shift))
        if not answer.get("ok"):
            self.failures += 1
            return
        tree = memory.tree(source)
        ops = [f"{op} × {count}" if count > 1 else op for op, count in ops_called(tree).items()]
        self._say("calls  " + (", ".join(ops) or "nothing"))
        needed = {str(need["type"]): list(need["methods"]) for need in _mappings(answer.get("capabilities"))}
        calls = list(method_calls(tree, needed, self.vocabulary))
        for type in dict.fromkeys([*needed, *(call.type for call in calls)]):
            self._say("needs  " + (type if type != "None" else "a capability whose type is computed"))
        for call in calls:
            effects = self.vocabulary.methods_of(call.type).get(call.method, {}).get("effects", "")
            facts = [str(effects), await estimated(self._connection, call, self.vocabulary)]
            self._say(f"  {call.type}.{call.method}: {', '.join(fact for fact in facts if fact)}")

    def _structure(self, source: str, form: Callable[[Node], object]) -> None:
        try:
            tree = self.vocabulary.memory.tree(source)
        except SyntaxFault as fault:
            shift = self.vocabulary.memory.before()[0].count("\n")
            self._failed("\n".join(place_text(each.to_json(), source, "input", shift) for each in fault.diagnostics))
            return
        self._say(json.dumps(form(tree), ensure_ascii=False, indent=None if self.as_json else 2))

    async def _load(self, path: Path) -> None:
        source = _text_of(path)
        if source is None:
            self._failed(f"{path} cannot be read as a script.")
        else:
            await self.take(source)

    def _save(self, path: Path) -> None:
        inputs = self.vocabulary.memory.inputs
        try:
            path.write_text("".join(f"{source}\n" for source in inputs), "utf-8")
        except OSError as error:
            self._failed(f"{path} cannot be written: {(error.strerror or 'error').lower()}.")
            return
        self._say(f"{len(inputs)} forms saved in {path}")


def _mappings(answer: object) -> Sequence[Mapping[str, Any]]:
    return [each for each in answer if isinstance(each, Mapping)] if isinstance(answer, list) else []


def _text_of(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
