"""Completion at the prompt: what can stand where the cursor is."""

import re
from collections.abc import Iterable, Iterator, Mapping

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from mintaka.server.command.brackets import in_string, innermost_head
from mintaka.server.command.directives import DIRECTIVES
from mintaka.server.command.vocabulary import Vocabulary

_WORD = re.compile(r"[^\s()\[\]{}\"']*$")
_TYPE = re.compile(r'\((?:get|has)[-_]capability\s+"([^"]*)$')
_HELP = re.compile(r"\s*\?(\S*)$")


class ScriptCompleter(Completer):
    """Completes ops by their long and short names, variables, methods, option keys, capability types, directives."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        """What fits what stands before the cursor."""
        before = document.text_before_cursor
        if re.fullmatch(r":\w*", before):
            return _fitting(before, DIRECTIVES)
        if type := _TYPE.search(before):
            return _fitting(type[1], {str(each["type"]): str(each["label"]) for each in self._vocabulary.types})
        if help := _HELP.match(before):
            return self._named(help[1])
        if in_string(before):
            return iter(())
        word = _WORD.search(before)
        assert word is not None
        if word[0].startswith(":"):
            options = self._vocabulary.options(innermost_head(before))
            return _fitting(word[0], {f":{option['alias']}": str(option["description"]) for option in options})
        return self._named(word[0]) if word[0] else iter(())

    def _named(self, word: str) -> Iterator[Completion]:
        owner, dot, _ = word.rpartition(".")
        methods = self._vocabulary.methods(owner) if dot else {}
        if methods:
            return _fitting(word, {f"{owner}.{name}": str(method["label"]) for name, method in methods.items()})
        return _fitting(word, self._vocabulary.words())


def _fitting(word: str, words: Mapping[str, str]) -> Iterator[Completion]:
    """Completions of ``word``, `-` and `_` alike; the shortest names first."""
    wanted = _alike(word)
    for name in sorted(_beginning(wanted, words), key=lambda name: (len(name), name)):
        yield Completion(name, start_position=-len(word), display_meta=words[name])


def _beginning(wanted: str, words: Iterable[str]) -> Iterator[str]:
    return (name for name in words if _alike(name).startswith(wanted))


def _alike(name: str) -> str:
    return name.replace("-", "_").casefold()
