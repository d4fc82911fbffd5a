"""Every code a diagnostic can have is explained, with an example that has this code and no other."""

import re
from pathlib import Path

import pytest

from mintaka.capabilities import types
from mintaka.lang.diagnostics import Code
from mintaka.server.capability_types import checkable
from mintaka.server.scripts import Source, check, op_table

PAGE = (Path(__file__).parents[2] / "docs" / "diagnostics.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## `(\w+)`\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
EXAMPLE = re.compile(r"^```(mtk|python)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_code_has_its_section_and_every_section_its_code() -> None:
    assert set(SECTIONS) == {code.value for code in Code}


@pytest.mark.parametrize("code", Code)
def test_the_example_has_this_code_and_the_severity_that_is_told(code: Code) -> None:
    section = SECTIONS[code.value]
    example = EXAMPLE.search(section)
    assert example is not None
    language, source = example.groups()
    if language == "python":  # too large to be shown; it asserts its code itself
        exec(source, {})
        return
    found = check(Source(source), op_table(), checkable(types.declared())).diagnostics
    assert {each.code for each in found} == {code}
    first = section.split(".")[0].lower()
    assert found[0].severity.value in first
