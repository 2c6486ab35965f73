"""YAML read strictly: what is written is what is meant, with the line of every key."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import yaml
from yaml.reader import ReaderError

from siting.errors import InputError
from siting.files import read_text
from siting.text import clip

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Key = tuple[str | int, ...]
"""Where a value lies: names in mappings and positions in lists, such as `("piles", 2, "kw")`."""

MOST_BYTES = 1_000_000
MOST_DEPTH = 20

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*|[1-9][0-9]{0,2}(_[0-9]{3})+)")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"(?i)[-+]?\.inf|\.nan")
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_MOST_DIGITS = 300
_ALIAS = "alias"


@dataclass(frozen=True, slots=True)
class Problem:
    """
    One mistake in a file.

    Attributes
    ----------
    where
        File and line, `jinan.yaml:12`.
    key
        Where in the data; empty for the file as a whole.
    what
        The mistake, one clause without a full stop.
    value
        The offending value, "" where there is none.
    cure
        What to do about it.
    """

    where: str
    key: Key
    what: str
    value: str = ""
    cure: str = ""

    def __str__(self) -> str:
        name = f"{key_text(self.key)}: " if self.key else ""
        value = f" (got {self.value})" if self.value else ""
        cure = f". {self.cure}" if self.cure else ""
        return f"{self.where}: {name}{self.what}{value}{cure}"


@dataclass(frozen=True, slots=True)
class YamlFile:
    """
    What a YAML file says.

    Attributes
    ----------
    path
        The file.
    data
        Mappings with text keys, lists, text, int, float, bool and None. Of a duplicate key the
        first value is kept.
    lines
        Line (from 1) of every key and list item.
    problems
        All that is wrong, in the order of lines.
    """

    path: Path
    data: object
    lines: Mapping[Key, int]
    problems: tuple[Problem, ...]

    def where(self, key: Key) -> str:
        """Return file and line of a key, or of the nearest above it that was written."""
        return f"{self.path}:{self.lines.get(self.written(key), 1)}"

    def written(self, key: Key) -> Key:
        """Return the longest start of a key that was written in the file."""
        while key and key not in self.lines:
            key = key[:-1]
        return key


def read_yaml(path: Path) -> YamlFile:
    """
    Read a YAML file and collect everything that is wrong with it.

    Stricter than YAML: no anchors, aliases, tags or merge keys (a few bytes of them can expand to
    gigabytes), no duplicate keys, at most 20 levels and 1 MB, one document. Plain values mean what
    they look like: `true` and `false` are the only booleans, `1e3` is a number, and `no`,
    `12:30:45`, `2025-01-01` and `0123` stay text.

    Returns
    -------
    YamlFile
        The data, the line of each key, and the problems; never raised, so that a reader can report
        them together with its own.

    Raises
    ------
    InputError
        The file can't be read, is empty, over 1 MB or not UTF-8.
    """
    text = read_text(path, most_bytes=MOST_BYTES)
    problems: list[Problem] = []
    lines: dict[Key, int] = {}
    data: object = None
    try:
        loader = _loader(text, str(path), problems)
        node = loader.get_single_node()
        if node is None:
            problems.append(Problem(f"{path}:1", (), "the file says nothing", cure="Fill it in"))
        else:
            data = _value(node, (), str(path), lines, problems)
    except yaml.YAMLError as error:
        problems.append(_syntax_problem(error, path, text))
    problems.sort(key=lambda problem: int(problem.where.rpartition(":")[2]))
    return YamlFile(path, data, lines, tuple(problems))


def load_yaml(path: Path) -> object:
    """
    Read a YAML file that has to be right.

    Raises
    ------
    InputError
        As `read_yaml`, or anything is wrong with the file; the text lists all of it.
    """
    file = read_yaml(path)
    if file.problems:
        raise InputError(
            "\n  - ".join(["this isn't the YAML it has to be", *map(str, file.problems)]),
            where=path,
        )
    return file.data


def key_text(key: Key) -> str:
    """Return a key as people write it, for example `charging.piles[2].kw`."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def value_text(value: object) -> str:
    """Return a value as one short line for a message."""
    return clip(repr(value) if isinstance(value, str) else str(value))


class _TooDeep(yaml.YAMLError):
    """The nesting is deeper than any model needs."""

    def __init__(self, line: int) -> None:
        self.line = line
        super().__init__()


class _StrictLoader(yaml.SafeLoader):
    """PyYAML's composer, which notes anchors, aliases and tags, and stops at a depth."""

    # No scalar is resolved by YAML 1.1's rules; `_scalar` reads them all.
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012
    source: str
    problems: list[Problem]
    depth = 0

    def note(self, line: int, what: str, value: str, cure: str) -> None:
        self.problems.append(Problem(f"{self.source}:{line}", (), what, clip(value), cure))

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            self.get_event()  # type: ignore[no-untyped-call]
            self.note(line, "aliases aren't allowed", f"*{event.anchor}", "Write the value out")
            mark: Any = event.start_mark
            return yaml.ScalarNode("", "", mark, mark, style=_ALIAS)
        if event.anchor is not None:
            self.note(line, "anchors aren't allowed", f"&{event.anchor}", "Remove it")
            event.anchor = None
        if event.tag is not None:
            self.note(line, "tags aren't allowed", event.tag, "Remove it, or quote the value")
            event.tag = None
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise _TooDeep(line)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _loader(text: str, source: str, problems: list[Problem]) -> _StrictLoader:
    loader = _StrictLoader(text)
    loader.source = source
    loader.problems = problems
    return loader


def _value(
    node: yaml.Node, key: Key, source: str, lines: dict[Key, int], problems: list[Problem]
) -> object:
    """Turn a node into plain data, noting the lines and the problems."""
    line = node.start_mark.line + 1
    lines.setdefault(key, line)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, key, source, lines, problems)
    if isinstance(node, yaml.SequenceNode):
        return [
            _value(item, (*key, position), source, lines, problems)
            for position, item in enumerate(node.value)
        ]
    try:
        return _scalar(cast("yaml.ScalarNode", node))
    except ValueError as error:
        problems.append(Problem(f"{source}:{line}", key, str(error), clip(repr(node.value))))
        return None


def _mapping(
    node: yaml.MappingNode, key: Key, source: str, lines: dict[Key, int], problems: list[Problem]
) -> dict[str, object]:
    data: dict[str, object] = {}
    for name_node, value_node in node.value:
        line = name_node.start_mark.line + 1
        where = f"{source}:{line}"
        if not isinstance(name_node, yaml.ScalarNode) or not name_node.value:
            problems.append(Problem(where, key, "a key has to be a name", cure="Give it one"))
            continue
        name = name_node.value
        inner = (*key, name)
        if name in data:
            problems.append(
                Problem(
                    where,
                    inner,
                    f"this key is there twice, first in line {lines[inner]}",
                    cure="Keep one of them",
                )
            )
            # Still read, into lines of its own, so that mistakes inside are told as well.
            _value(value_node, inner, source, {}, problems)
            continue
        if name == "<<":
            problems.append(Problem(where, key, "merge keys aren't allowed", "<<", "Write it out"))
            continue
        if _NO_TEXT.search(name):
            problems.append(Problem(where, key, "a key holds a control character", clip(name)))
            continue
        lines[inner] = line
        data[name] = _value(value_node, inner, source, lines, problems)
    return data


def _scalar(node: yaml.ScalarNode) -> object:
    """Read a scalar: quoted is text, plain is what it looks like; ValueError says what is wrong."""
    text = str(node.value)
    if _NO_TEXT.search(text):
        raise ValueError("the text holds a control character")
    if node.style == _ALIAS:
        return None
    if node.style is not None:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _NOT_FINITE.fullmatch(text):
        raise ValueError("a plan can't use this number")
    integer = _INTEGER.fullmatch(text)
    if not integer and not _FLOAT.fullmatch(text):
        return text
    if len(text) > _MOST_DIGITS:
        raise ValueError("the number is too long")
    number = int(text) if integer else float(text)
    if not math.isfinite(number):
        raise ValueError("the number is too large")
    return number


def _syntax_problem(error: yaml.YAMLError, path: Path, text: str) -> Problem:
    """Say in one line what the YAML parser tripped over."""
    if isinstance(error, _TooDeep):
        what = f"nested deeper than {MOST_DEPTH} levels"
        return Problem(f"{path}:{error.line}", (), what, cure="Make it flatter")
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        what = clip(" ".join(filter(None, (error.context, error.problem))), 160)
        cure = (
            "Indent with spaces, not tabs"
            if "\\t" in what
            else "Check the indentation, the colons and the quotes near this line"
        )
        return Problem(f"{path}:{line}", (), f"this isn't YAML: {what}", cure=cure)
    if isinstance(error, ReaderError):
        what = f"a character that YAML can't hold, U+{error.character:04X}"
        line = text.count("\n", 0, error.position) + 1
        return Problem(f"{path}:{line}", (), what, cure="Save it as plain text")
    return Problem(f"{path}:1", (), f"this isn't YAML: {clip(str(error), 160)}")
