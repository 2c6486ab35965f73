"""What the documentation site takes from elsewhere: notes, commands, the model's schema, links."""

from __future__ import annotations

import inspect
import json
import os
import re
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]

COPIED = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "models/README.md": "models.md",
    "data/README.md": "facts.md",
    "benchmarks/README.md": "benchmarks.md",
}
"""Files of the project that are pages as they are."""

FIGURE = "#/$defs/Figure"
UNITS = {
    "_cny": "CNY",
    "_cny_per_kva": "CNY/kVA",
    "_cny_per_kw": "CNY/kW",
    "_cny_per_kwh": "CNY/kWh",
    "_cny_per_pile": "CNY/pile",
    "_kg": "kg",
    "_kg_day": "kg/day",
    "_km": "km",
    "_km2": "km²",
    "_kw": "kW",
    "_kwh": "kWh",
    "_kwh_day": "kWh/day",
    "_m": "m",
    "_m2": "m²",
    "_mb": "MB",
    "_minutes": "min",
    "_share": "share",
    "lat": "degrees",
    "lon": "degrees",
    "_lat": "degrees",
    "_lon": "degrees",
    "seconds": "s",
}
"""Units as names carry them; the longest ending counts."""

COMMON = {
    "id": "Short name by which the model and the results call it.",
    "name": "Name, as printed.",
    "title_zh": "Chinese title, as printed.",
    "title_en": "English title, as printed.",
    "label_zh": "Chinese name, as printed.",
    "label_en": "English name, as printed.",
    "clause": "Id of a clause in `data/clauses`; empty: the planner's own.",
    "clauses": "Ids of clauses in `data/clauses` that speak of it.",
    "lon": "Longitude, WGS-84.",
    "lat": "Latitude, WGS-84.",
}
"""What keys mean that many parts have; the longest ending counts."""

REMOTE_WORKER = "https://unpkg.com/iframe-worker/shim"
"""What the theme's plugin `offline` would load from elsewhere."""

LINK = re.compile(r"(?<!!)\[([^\]\n]+)\]\(([^)\s]+)\)")


def copied_pages() -> dict[str, str]:
    """Return the page of each file that is copied, by its path in the project."""
    notes = sorted((ROOT / "models" / "formulations").glob("*.md"))
    return COPIED | {
        f"models/formulations/{note.name}": f"formulations/{note.name}" for note in notes
    }


def page_text(source: str) -> str:
    """
    Return a file of the project as a page, its links led to pages.

    A link to a file that is no page, for example to code, becomes its text alone.
    """
    pages = copied_pages()
    page = PurePosixPath(pages[source])
    text = (ROOT / source).read_text(encoding="utf-8")
    return LINK.sub(partial(_led, PurePosixPath(source).parent, page.parent, pages), text)


def _led(
    folder: PurePosixPath, home: PurePosixPath, pages: Mapping[str, str], link: re.Match[str]
) -> str:
    """Return a link of a file in `folder` as one of a page in `home`."""
    text, target = link[1], link[2]
    if re.match(r"[a-z]+:|#", target):
        return link[0]
    path, _, part = target.partition("#")
    full = os.path.normpath(folder / path)
    found = pages.get(full)
    if found is None and full.startswith("docs/") and (ROOT / full).is_file():
        found = full.removeprefix("docs/")
    if found is None:
        return text
    return f"[{text}]({os.path.relpath(found, home)}{'#' * bool(part)}{part})"


def _cell(text: object) -> str:
    """Return text that stays one cell of a table."""
    flat = " ".join(str(text).split()).replace("|", "\\|")
    return re.sub(r"<(?=[^`]*(?:`[^`]*`[^`]*)*$)", "&lt;", flat)


def _table(heads: tuple[str, ...], rows: list[tuple[object, ...]]) -> Iterator[str]:
    """Yield the lines of a table."""
    yield ""
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(map(_cell, row))} |"
    yield ""


# The command line -------------------------------------------------------------------------------

KINDS = {"Path": "path", "str": "text", "int": "integer", "float": "number", "bool": ""}
"""Types of a command's parameters in words; a switch takes nothing."""


def commands() -> dict[str, Any]:
    """Return every command of the command line, as Typer's click has it, by its name."""
    import typer  # noqa: PLC0415

    from siting.cli import app  # noqa: PLC0415

    group: Any = typer.main.get_command(app)
    return dict(sorted(group.commands.items()))


def cli_page() -> str:
    """Return the page of all commands: help, arguments, options with defaults, exit codes."""
    lines = [
        "# Commands",
        "",
        "`siting COMMAND --help` says the same; `python -m siting` is the same programme.",
    ]
    for name, command in commands().items():
        said = [line.strip() for line in (command.help or "").replace("\f", "").splitlines()]
        kinds = _kinds(command)
        lines += ["", f"## siting {name}", "", *said, "", "```", _usage(name, command), "```"]
        rows = [_parameter(one, kinds.get(one.name, "")) for one in command.params]
        lines += _table(("argument or option", "value", "default", "what it does"), rows)
    lines += ["## Exit codes", "", "| code | error | meaning |", "|---|---|---|", "| 0 | | done |"]
    lines += [f"| {code} | `{name}` | {_cell(what)} |" for code, name, what in exit_codes()]
    return "\n".join([*lines, "| 130 | | stopped with Ctrl-C |", ""])


def _kinds(command: Any) -> dict[str, str]:  # noqa: ANN401  (click's own, wherever Typer keeps it)
    """Return what each parameter of a command takes, from the annotations of its function."""
    hints = get_type_hints(inspect.unwrap(command.callback))
    found = {}
    for name, hint in hints.items():
        words = re.findall(r"\w+", hint.__name__ if isinstance(hint, type) else str(hint))
        found[name] = next((KINDS[word] for word in words if word in KINDS), "")
    return found


def _usage(name: str, command: Any) -> str:  # noqa: ANN401
    words = [f"siting {name}"]
    for one in command.params:
        if one.param_type_name == "argument":
            words.append(_argument(one) + " ..." * (one.nargs < 0))
        elif one.required:
            words.append(f"{one.opts[0]} {one.name.upper()}")
    return " ".join([*words, "[OPTIONS]"])


def _argument(one: Any) -> str:  # noqa: ANN401
    return str(one.metavar or one.name).upper()


def _parameter(one: Any, kind: str) -> tuple[object, ...]:  # noqa: ANN401
    """Return a row: names, type, default, help."""
    if one.param_type_name == "argument":
        names = f"`{_argument(one)}`"
    else:
        names = ", ".join(f"`{name}`" for name in [*one.opts, *one.secondary_opts])
    empty = one.default in (None, "") or (one.default is False and not one.secondary_opts)
    shown = "required" if one.required else "" if empty else f"`{one.default}`"
    more = f"{kind}, again for more" if kind and (one.multiple or one.nargs < 0) else kind
    return names, more, shown, one.help or ""


def exit_codes() -> list[tuple[int, str, str]]:
    """Return code, error and meaning of every kind of failure."""
    from siting import errors  # noqa: PLC0415

    kinds = [
        one
        for one in vars(errors).values()
        if isinstance(one, type) and issubclass(one, errors.SitingError)
    ]
    rows = [
        (one.exit_code, one.__name__, (one.__doc__ or "").strip().split("\n")[0]) for one in kinds
    ]
    return sorted(rows)


# The model --------------------------------------------------------------------------------------


def schema() -> dict[str, Any]:
    """Return the kept schema of a model."""
    text = (ROOT / "docs" / "model.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def model_page() -> str:
    """Return the page of all keys of a model: type, unit, default, source, description."""
    import yaml  # noqa: PLC0415

    whole = schema()
    text = (ROOT / "models" / "defaults.yaml").read_text(encoding="utf-8")
    lines = [
        "# Keys of a model",
        "",
        "Every key that a model may hold. The default is that of `models/defaults.yaml`, else of",
        "the schema; **unsourced** marks a default from memory. A key of type *figure* takes a",
        "number, the id of a row of `data/unit_costs.csv` (`U012`), or a mapping of `value`,",
        "`unit`, `source` and `confidence`. Keys in **bold** have to be there where their part is.",
        "[How models are written](../models.md), and a [schema for editors](../editors.md).",
        "",
        "## model",
    ]
    lines += _part(whole, whole["$defs"], yaml.safe_load(text), "", {})
    return "\n".join(lines)


def _part(
    part: Mapping[str, Any],
    parts: Mapping[str, Any],
    given: object,
    path: str,
    seen: dict[str, str],
) -> Iterator[str]:
    """
    Yield the table of a part of a model, and then those of its own parts.

    A part that several keys hold comes once, and again where `defaults.yaml` says something else.
    """
    values = given if isinstance(given, dict) else {}
    rows: list[tuple[object, ...]] = []
    inner: list[tuple[str, str, object]] = []
    for key, spec in part["properties"].items():
        below, name, kind = f"{path}.{key}".lstrip("."), _inner(spec), _type(spec)
        if name:
            mark = name + json.dumps(values.get(key), sort_keys=True)
            if mark not in seen:
                inner.append((below, name, values.get(key)))
            kind = f"[{kind}](#{seen.setdefault(mark, below)})"
        unit, default, source = _default(key, spec, values.get(key, spec.get("default")))
        said = spec.get("description") or _common(key) or parts.get(name, {}).get("description", "")
        needed = key in part.get("required", ()) and key not in values
        head = f"**`{key}`**" if needed else f"`{key}`"
        rows.append((head, kind, unit, default, source, said))
    yield from _table(("key", "type", "unit", "default", "source", "what it is"), rows)
    for below, name, value in inner:
        yield f"## {below} {{ #{below} }}"
        yield ""
        yield parts[name].get("description", "")
        yield from _part(parts[name], parts, value, below, seen)
        if isinstance(value, list) and value:
            yield from _listed(below, value)


def _common(key: str) -> str:
    ending = max((end for end in COMMON if f"_{key}".endswith(f"_{end}")), key=len, default="")
    return COMMON.get(ending, "")


def _listed(path: str, items: list[Any]) -> Iterator[str]:
    """Yield the table of the figures that a default list holds."""
    rows: list[tuple[object, ...]] = []
    for item in items:
        name = item.get("id", item.get("kind", "")) if isinstance(item, dict) else ""
        for key, value in item.items() if isinstance(item, dict) else ():
            found = _figure(value)
            if found is not None:
                rows.append(
                    (
                        f"`{path}.{name}.{key}`",
                        found["unit"],
                        _number(found["value"]),
                        _source(found),
                    )
                )
    if rows:
        yield "Figures of the default:"
        yield from _table(("figure", "unit", "default", "source"), rows)


def _inner(spec: Mapping[str, Any]) -> str:
    """Return the name of the part that a key holds, one or a list or a mapping of it."""
    options = [spec, *spec.get("anyOf", ())]
    options += [
        one[key]
        for one in options
        for key in ("items", "additionalProperties")
        if isinstance(one.get(key), dict)
    ]
    names = [str(one["$ref"]).rpartition("/")[2] for one in options if "$ref" in one]
    return next((name for name in names if name != "Figure"), "")


def _type(spec: Mapping[str, Any]) -> str:
    """Say in words what a key takes."""
    if "$ref" in spec:
        return "figure" if spec["$ref"] == FIGURE else str(spec["$ref"]).rpartition("/")[2]
    if "anyOf" in spec:
        words = [_type(one) for one in spec["anyOf"] if one.get("type") != "null"]
        return "figure" if "figure" in words else " or ".join(dict.fromkeys(words))
    values = spec.get("enum", [spec["const"]] if "const" in spec else [])
    more = spec.get("items", spec.get("additionalProperties"))
    holder = {"array": "list", "object": "mapping"}.get(spec.get("type", ""), "")
    if values:
        return ", ".join(f"`{one}`" if one != "" else "empty" for one in values)
    if holder:
        return f"{holder} of {_type(more)}" if isinstance(more, dict) else holder
    return str(spec.get("type", "any"))


def _default(key: str, spec: Mapping[str, Any], value: object) -> tuple[str, str, str]:
    """Return unit, default and source of a key."""
    ending = max((end for end in UNITS if key.endswith(end)), key=len, default="")
    unit = UNITS.get(ending, "") if "boolean" not in str(spec.get("type")) else ""
    found = _figure(value) if _type(spec) == "figure" else None
    if found is not None:
        return found["unit"] or unit, _number(found["value"]), _source(found)
    if _inner(spec):
        word = value.get("file") if isinstance(value, dict) else None
        return unit, f"`{word}`" if word else "", ""
    if value is None or value in ("", [], {}):
        return unit, "", ""
    if isinstance(value, bool):
        return unit, f"`{str(value).lower()}`", ""
    return unit, f"`{json.dumps(value, ensure_ascii=False)}`".replace('"', ""), ""


def _figure(value: object) -> dict[str, Any] | None:
    """Return a default that is a figure, whole or the id of one; None for any other."""
    if isinstance(value, str) and re.fullmatch(r"U\d+", value):
        from siting.facts import figure  # noqa: PLC0415

        found = figure(value)
        return dict(found) if isinstance(found, dict) else found.model_dump()
    if isinstance(value, dict) and "value" in value:
        return {"unit": "", "source": "", "confidence": "model", **value}
    return None


def _number(value: float) -> str:
    return f"{value:,.12g}"


def _source(found: Mapping[str, Any]) -> str:
    """Say where a figure is from; one from memory, or without a source, is unsourced."""
    mark = "**unsourced**: " if found["confidence"] == "memory" or not found["source"] else ""
    return f"{mark}{found['source']}"


# The build --------------------------------------------------------------------------------------


def generated_pages() -> dict[str, Callable[[], str]]:
    """Return what writes each page that isn't a file of `docs/`, by the page's path."""
    copied = {page: partial(page_text, source) for source, page in copied_pages().items()}
    return {**copied, "reference/cli.md": cli_page, "reference/model.md": model_page}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that aren't files of `docs/`."""
    from mkdocs.structure.files import File  # noqa: PLC0415

    for path, write in generated_pages().items():
        files.append(File.generated(config, path, content=write()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead the links of pages of `docs/` to files outside it to their pages."""
    del config, files
    if page.file.src_uri in generated_pages():
        return markdown
    folder = PurePosixPath("docs", page.file.src_uri).parent

    def led(link: re.Match[str]) -> str:
        outside = link[2].startswith("..")
        home = PurePosixPath(page.file.src_uri).parent
        inside = (ROOT / folder / link[2].partition("#")[0]).resolve().is_relative_to(ROOT / "docs")
        return link[0] if not outside or inside else _led(folder, home, copied_pages(), link)

    return LINK.sub(led, markdown)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Take the theme's remote script for search in files from the site itself."""
    from mkdocs.utils import get_relative_url  # noqa: PLC0415

    del config
    return output.replace(REMOTE_WORKER, get_relative_url("assets/worker.js", page.url))


def on_post_template(output_content: str, template_name: str, config: MkDocsConfig) -> str:
    """Do the same for the page of what isn't found, which lies at the top."""
    del config
    local = "assets/worker.js"
    return (
        output_content.replace(REMOTE_WORKER, local) if ".html" in template_name else output_content
    )
