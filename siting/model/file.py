"""A model's file, its defaults and the command's own values as one, with where each was written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from siting.errors import ModelError
from siting.model.yaml import Key, Problem, YamlFile, read_yaml, value_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pydantic_core import ErrorDetails

DEFAULTS = "defaults"
"""Name of the file of defaults, which is no model of its own."""
COMMAND = "given with the command"
"""Where a problem lies that is in no file."""

_NAME = re.compile(r"[\w-]{1,64}")
_NOT_A_FILE = re.compile(r"(?i)[a-z][a-z0-9+.-]*://|/vsi|pg:|wfs:")


@dataclass(frozen=True, slots=True)
class Written:
    """
    All that was written for a model, merged.

    Attributes
    ----------
    data
        Defaults, under the model's file, under the command's values.
    model, defaults
        The two files as read.
    command
        Keys that the command set.
    """

    data: dict[str, Any]
    model: YamlFile
    defaults: YamlFile
    command: frozenset[Key]

    def source(self, key: Key) -> YamlFile | None:
        """Return the file that a value comes from, None for the command's own."""
        if any(key[: len(start)] == start for start in self.command):
            return None
        # Lists and figures are taken whole from one file.
        whole = next((key[:end] for end, part in enumerate(key) if isinstance(part, int)), key)
        figures = ((*key[:end], "value") for end in range(len(key) + 1))
        if whole in self.model.lines or any(figure in self.model.lines for figure in figures):
            return self.model
        deeper = len(self.defaults.written(key)) > len(self.model.written(key))
        return self.defaults if deeper else self.model

    def where(self, key: Key) -> str:
        """Return file and line of a key, or that the command gave it."""
        file = self.source(key)
        return COMMAND if file is None else file.where(key)

    def folder(self, key: Key) -> Path:
        """Return the folder that a relative path under this key starts from."""
        file = self.source(key)
        return Path.cwd() if file is None else file.path.parent

    def value(self, key: Key) -> object:
        """Return the value at a key, None where there is none."""
        here: object = self.data
        for part in key:
            items = dict(enumerate(here)) if isinstance(here, list) else here
            if not isinstance(items, dict) or part not in items:
                return None
            here = items[part]
        return here


def find_model(model: str | Path, folder: Path) -> Path:
    """
    Return the file of a model.

    Parameters
    ----------
    model
        A path, or the name of a file of `folder` without its suffix. Text with a slash or a
        `.yaml` or `.yml` suffix is a path.
    folder
        Where named models lie.

    Raises
    ------
    ModelError
        There is no such model; names the nearest.
    """
    text = str(model)
    if isinstance(model, Path) or re.search(r"[/\\]|\.ya?ml$", text, re.IGNORECASE):
        return Path(model)
    names = sorted(path.stem for path in folder.glob("*.yaml") if path.stem != DEFAULTS)
    if _NAME.fullmatch(text) and text in names:
        return folder / f"{text}.yaml"
    raise ModelError(
        "there is no model of this name",
        value=value_text(text),
        cure=f"{_did_you_mean(text, names)}Models: {', '.join(names)}; "
        "or give the path of a YAML file",
    )


def read_model(path: Path, defaults: Path, command: Mapping[str, Any]) -> Written:
    """
    Read a model's file, and merge it over the defaults and under the command's values.

    Mappings are merged key by key; lists and figures (mappings with a `value`) are taken whole,
    so that a planner's number never keeps the source of the default it replaces. A mapping left
    empty in the file is left out.

    Parameters
    ----------
    path, defaults
        The model's file and that of the defaults.
    command
        Values by key, nested or with dots (`{"sources.roads": "a.pbf"}`).

    Raises
    ------
    InputError
        A file can't be read.
    """
    model = read_yaml(path)
    base = read_yaml(defaults)
    nested: dict[str, Any] = {}
    for name, value in command.items():
        for part in reversed(name.split(".")):
            value = {part: value}  # noqa: PLW2901
        nested = _merged(nested, value)
    data = base.data if isinstance(base.data, dict) else {}
    if isinstance(model.data, dict):
        data = _merged(data, model.data)
    return Written(_merged(data, nested), model, base, frozenset(_leaves(nested, ())))


def resolve_file(written: Written, key: Key, words: Sequence[str]) -> Iterator[Problem]:
    """
    Make the path at a key absolute in place, and yield what is wrong with it.

    Parameters
    ----------
    written
        The model.
    key
        Where the path is.
    words
        Values that are no path.
    """
    value = written.value(key)
    if isinstance(value, Path):
        value = str(value)
    if not isinstance(value, str) or value in words:
        return
    shown = value_text(value)
    if _NOT_A_FILE.match(value) or "\0" in value:
        yield Problem(
            written.where(key), key, "this has to be a file on this machine", shown,
            "Download it first, and give the file's path",
        )  # fmt: skip
        return
    path = (written.folder(key) / Path(value).expanduser()).resolve()
    if path.is_file():
        parent = cast("dict[str, Any]", written.value(key[:-1]))
        parent[str(key[-1])] = str(path)
        return
    beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    hint = _did_you_mean(path.name, beside) or _did_you_mean(value, words)
    yield Problem(
        written.where(key), key, "there is no such file", shown,
        f"{hint}Give the path relative to the model's file, or write {' or '.join(words)}",
    )  # fmt: skip


def explain(
    errors: Sequence[ErrorDetails], schema: Mapping[str, Any], written: Written
) -> list[Problem]:
    """
    Turn pydantic's findings into problems with line, value and cure.

    Parameters
    ----------
    errors
        `ValidationError.errors()`.
    schema
        JSON schema of the model, for the names that would have been right.
    written
        The model as written.
    """
    return [_explained(error, schema, written) for error in errors]


def _explained(error: ErrorDetails, schema: Mapping[str, Any], written: Written) -> Problem:
    key = tuple(error["loc"])
    kind = error["type"]
    where = written.where(key)
    if kind == "missing":
        where = where if where == COMMAND else written.model.where(key)
        return Problem(where, key, "this is missing", cure=f"Add `{key[-1]}:`")
    if kind == "extra_forbidden":
        names = list(_node(schema, key[:-1]).get("properties", {}))
        cure = _did_you_mean(str(key[-1]), names) or f"Known here: {', '.join(names)}"
        return Problem(where, key, "there is no such key", cure=cure.strip())
    value = error["input"]
    shown = "" if isinstance(value, (dict, list)) else value_text(value)
    message = error["msg"].removeprefix("Value error, ").replace("Input should be", "has to be")
    what, _, cure = message.partition(". ")
    if kind == "literal_error":
        words = [str(word) for word in _node(schema, key).get("enum", ())]
        cure = _did_you_mean(str(value), words).strip()
    return Problem(where, key, f"{what[:1].lower()}{what[1:]}", shown, cure)


def _node(schema: Mapping[str, Any], key: Key) -> Mapping[str, Any]:
    """Return the part of a JSON schema that describes a key, empty where there is none."""
    node: Mapping[str, Any] = schema
    for part in key:
        node = _resolved(schema, node)
        inner = node.get("items") if isinstance(part, int) else node.get("properties", {}).get(part)
        node = inner if isinstance(inner, dict) else {}
    return _resolved(schema, node)


def _resolved(schema: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    for option in node.get("anyOf", ()):
        if "$ref" in option:
            node = option
    name = str(node.get("$ref", "")).rpartition("/")[2]
    return cast("Mapping[str, Any]", schema["$defs"][name]) if name else node


def _merged(under: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(under)
    for name, value in over.items():
        below = result.get(name)
        if isinstance(below, dict) and isinstance(value, dict) and "value" not in value:
            result[name] = _merged(below, value)
        elif not (isinstance(below, dict) and value is None):
            # Copied, for paths in it are made absolute in place.
            result[name] = _merged({}, value) if isinstance(value, dict) else value
    return result


def _leaves(data: Mapping[str, Any], above: Key) -> Iterator[Key]:
    for name, value in data.items():
        if isinstance(value, dict) and value and "value" not in value:
            yield from _leaves(value, (*above, name))
        else:
            yield (*above, name)


def _did_you_mean(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=3, cutoff=0.6)
    return f"Did you mean {' or '.join(near)}? " if near else ""
