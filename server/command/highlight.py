"""Colours for scripts in the terminal."""

from typing import ClassVar

from pygments.lexer import RegexLexer, bygroups
from pygments.token import Comment, Keyword, Name, Number, Punctuation, String, Whitespace


class MintakaLexer(RegexLexer):
    """The text form of scripts, for pygments."""

    name = "Mintaka"
    aliases: ClassVar[list[str]] = ["mintaka", "mtk"]
    filenames: ClassVar[list[str]] = ["*.mtk"]

    tokens: ClassVar = {
        "root": [
            (r"\s+", Whitespace),
            (r";[^\n]*", Comment.Single),
            (r"#_", Comment),
            (r'"(?:[^"\\]|\\.)*"?', String),
            (r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.])", Number),
            (r"(?:true|false|null)(?![\w.-])", Keyword.Constant),
            (r":[\w.-]+", Name.Attribute),
            (r"(\()([^\s()\[\]{}\";:']+)", bygroups(Punctuation, Name.Function)),
            (r"[()\[\]{}']", Punctuation),
            (r"[^\s()\[\]{}\";:']+", Name),
            (r".", Punctuation),
        ]
    }
