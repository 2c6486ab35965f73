"""The Chinese pages of the documentation: the same commands and figures as the English ones."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

if TYPE_CHECKING:
    from siting.pipeline import Published

DOCS = Path(__file__).parents[1] / "docs"
PAGES = [
    *(f"tutorials/{city}.md" for city in ("jinan", "qingdao", "zibo")),
    *(f"tours/{reader}.md" for reader in ("engineer", "gis", "planner")),
    "own-layers.md",
]
COMMAND = re.compile(r"^(?:\.venv/bin/)?(siting [^#\n]+)", re.MULTILINE)
BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
HAN = re.compile(r"[\u4e00-\u9fff]")


def _text(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def _commands(page: str) -> list[str]:
    blocks = "\n".join(BLOCK.findall(_text(page)))
    return [" ".join(command.split()) for command in COMMAND.findall(blocks)]


def _options() -> dict[str, set[str]]:
    spec = importlib.util.spec_from_file_location("docs_hooks_zh", DOCS / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    hooks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hooks)
    return {
        name: {opt for one in command.params for opt in (*one.opts, *one.secondary_opts)}
        for name, command in hooks.commands().items()
    }


@pytest.mark.parametrize("page", PAGES)
def test_a_chinese_page_gives_the_commands_of_the_english_one(page: str) -> None:
    assert _commands(f"zh/{page}") == _commands(page)


@pytest.mark.parametrize("page", PAGES)
def test_a_chinese_page_shows_the_yaml_of_the_english_one(page: str) -> None:
    def blocks(text: str) -> list[list[str]]:
        found = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        return [
            [line.partition(" #")[0].rstrip() for line in block.splitlines()] for block in found
        ]

    assert blocks(_text(f"zh/{page}")) == blocks(_text(page))


@pytest.mark.parametrize("city", ["jinan", "qingdao", "zibo"])
def test_both_languages_give_the_same_clauses_and_results(city: str) -> None:
    english, chinese = _text(f"tutorials/{city}.md"), _text(f"zh/tutorials/{city}.md")
    clause = r"\b(?:JN23|QD25|ZB21)-\d+"
    assert set(re.findall(clause, chinese)) == set(re.findall(clause, english))
    results = [
        re.search(rf"^{start}.*?(?=\n\n)", text, re.MULTILINE | re.DOTALL)
        for start, text in (("On two cores", english), ("在双核机器上", chinese))
    ]
    figures = [sorted(re.findall(r"\d[\d,.]*", one[0])) for one in results if one]
    assert figures[0] == figures[1]
    assert len(figures[0]) > 4


def test_pages_name_only_commands_and_options_that_there_are() -> None:
    options = _options()
    for path in DOCS.rglob("*.md"):
        for command in _commands(str(path.relative_to(DOCS))):
            words = shlex.split(command)
            if words[1].isalpha() and words[1].islower():
                assert words[1] in options, (path, command)
                used = {word.partition("=")[0] for word in words if word.startswith("--")}
                assert used <= options[words[1]] | {"--help"}, (path, command)


def test_chinese_sentences_take_chinese_marks() -> None:
    for path in (DOCS / "zh").rglob("*.md"):
        text = re.sub(r"`[^`\n]*`", "", BLOCK.sub("", path.read_text(encoding="utf-8")))
        half = re.findall(r"[\u4e00-\u9fff][,;:?!]|[,;?!](?=[\u4e00-\u9fff])", text)
        assert not half, (path, half)
        assert HAN.search(text)


def test_every_chinese_column_and_key_of_a_run_is_documented(published: Published) -> None:
    plan = published.plan
    frames = [getattr(plan, name) for name in plan.__slots__]
    names = {col for one in frames if isinstance(one, pd.DataFrame) for col in one.columns}
    chinese = {str(name) for name in {*names, *plan.run} if str(name).endswith("_zh")}
    assert {"source_zh", "reading_zh", "note_zh", "notes_zh", "attribution_zh"} <= chinese
    page = _text("export.md")
    assert {name for name in chinese if f"`{name}`" not in page} == set()


def test_chinese_paragraphs_are_one_line_each() -> None:
    """A line break inside one would show as a blank between two sentences."""
    for path in (DOCS / "zh").rglob("*.md"):
        text = BLOCK.sub("", path.read_text(encoding="utf-8"))
        broken = re.findall(r"[\u4e00-\u9fff，。；：、）”]\n *[^\s\-#|!>*\d`][^\n]*", text)
        assert not broken, (path, broken)
