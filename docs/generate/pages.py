"""Pages of the site that are made from code, schema, defaults and notes when it is built."""

from __future__ import annotations

import csv
import json
import re
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.utils import get_relative_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = {
    "project/models.md": "models/README.md",
    "project/facts.md": "data/README.md",
    "project/contributing.md": "CONTRIBUTING.md",
    "project/changelog.md": "CHANGELOG.md",
}
"""Pages that are files of the repository outside of `docs`."""
REMOTE_WORKER = "https://unpkg.com/iframe-worker/shim"
"""What the theme's plugin `offline` would load; the site has a worker of its own instead."""
_REMOTE = re.compile(r'<(?:script|img|link|iframe)\b[^>]*?(?:src|href)="(https?://[^"]+)"')
_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:|#)([^)]+)\)")
_SYMBOL = re.compile(r"\b([A-Za-z]{1,9})_([A-Za-z0-9]{1,3})\b(?![_.(/])")
_CODE = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the folders that the navigation names, and add pages that it doesn't."""
    notes = [f"formulations/{path.name}" for path in _notes()]
    modules = [f"reference/python/{name}.md" for name in _packages()]
    folders = {"formulations": notes, "reference/python": modules}
    nav = [_filled(item, folders) for item in config.nav or []]
    named = set(_leaves(nav))
    docs = Path(config.docs_dir)
    more = sorted(
        path.relative_to(docs).as_posix()
        for path in docs.rglob("*.md")
        if path.relative_to(docs).as_posix() not in named and "generate" not in path.parts
    )
    config.nav = [*nav, {"More": more}] if more else nav
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the made pages."""
    for name, text in _pages():
        files.append(File.generated(config, name, content=text))
    return files


def on_post_page(output: str, *, page: Page, config: MkDocsConfig) -> str:
    """Take the theme's remote script for search in files from the site itself; refuse any other."""
    local = get_relative_url("assets/worker.js", page.url)
    return _without_remote(output.replace(REMOTE_WORKER, local), config, page.url)


def on_post_template(output: str, *, template_name: str, config: MkDocsConfig) -> str:
    """Do the same for pages without a source, such as the one for what isn't found."""
    if not template_name.endswith(".html"):
        return output
    return _without_remote(output.replace(REMOTE_WORKER, "assets/worker.js"), config, template_name)


def _without_remote(output: str, config: MkDocsConfig, where: str) -> str:
    """Return a page that asks for nothing outside of the site."""
    found = _REMOTE.search(output)
    if found:
        raise PluginError(f"{config.site_name}: {where} would ask for {found[1]}")
    return output


def _filled(item: Any, folders: Mapping[str, list[str]]) -> Any:  # noqa: ANN401
    if isinstance(item, dict):
        return {title: _filled(part, folders) for title, part in item.items()}
    if isinstance(item, list):
        return [_filled(part, folders) for part in item]
    return folders.get(item, item)


def _leaves(item: Any) -> Iterator[str]:  # noqa: ANN401
    parts = item.values() if isinstance(item, dict) else item
    for part in [parts] if isinstance(parts, str) else parts:
        if isinstance(part, str):
            yield part
        else:
            yield from _leaves(part)


def _pages() -> Iterator[tuple[str, str]]:
    for page, source in REPOSITORY.items():
        yield page, _plain_links((ROOT / source).read_text(encoding="utf-8"))
    for path in _notes():
        yield f"formulations/{path.name}", readable(path.read_text(encoding="utf-8"))
    for name, modules in _packages().items():
        parts = "\n\n".join(f"::: {module}" for module in modules)
        yield f"reference/python/{name}.md", f"# `{name}`\n\n{parts}\n"
    yield "reference/cli.md", commands()
    yield "reference/model.md", model_keys()
    yield "reference/run.md", run_keys()
    yield "reference/layers.md", layer_fields()


def _notes() -> list[Path]:
    return sorted((ROOT / "models" / "formulations").glob("*.md"))


def _plain_links(text: str) -> str:
    """Name files of the repository instead of linking to what the site hasn't."""
    return _LINK.sub(lambda found: f"{found[1]} (`{found[2]}`)", text)


def readable(text: str) -> str:
    """
    Set the indices of a note's symbols low, outside of code: `q_i` reads q with a low i.

    Examples
    --------
    >>> readable("maximise w_i serve_ij, `c2_demand`")
    'maximise <var>w<sub>i</sub></var> <var>serve<sub>ij</sub></var>, `c2_demand`'
    """
    parts = _CODE.split(_plain_links(text))
    low = r"<var>\1<sub>\2</sub></var>"
    return "".join(
        part if number % 2 else _SYMBOL.sub(low, part) for number, part in enumerate(parts)
    )


def _packages() -> dict[str, list[str]]:
    """Return the modules of each package of `siting`, those of its own under `siting`."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "siting").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if path.name in {"__init__.py", "__main__.py"} or "_bundle" in parts:
            continue
        package = parts[1] if len(parts) > 2 else "siting"  # noqa: PLR2004
        found.setdefault(package, []).append(".".join(parts))
    return dict(sorted(found.items(), key=lambda item: (item[0] != "siting", item[0])))


def commands() -> str:
    """Describe every command with its arguments and options, from the command line itself."""
    import typer  # noqa: PLC0415

    from siting.cli import app  # noqa: PLC0415

    group: Any = typer.main.get_command(app)
    lines = ["# Commands", "", "`siting --help` and `siting COMMAND --help` say the same.", ""]
    for name in sorted(group.commands):
        command = group.commands[name]
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        options = [p for p in command.params if p.param_type_name == "option"]
        usage = " ".join(["siting", name, *(_argument(p) for p in arguments)])
        lines += [f"## {name}", "", f"`{usage}`", "", *_help(command.help), ""]
        rows = [[f"`{_argument(p)}`", "", _text(p.help)] for p in arguments]
        rows += [[f"`{', '.join(p.opts)}`", _default(p), _text(p.help)] for p in options]
        lines += [*_table(["argument or option", "default", "what it is"], rows), ""]
    return "\n".join(lines)


def _argument(parameter: Any) -> str:  # noqa: ANN401
    name = str(parameter.name).upper()
    return f"{name}..." if parameter.nargs < 0 else name


def _default(parameter: Any) -> str:  # noqa: ANN401
    value = parameter.default
    return "" if value in (None, "", (), []) or callable(value) else f"`{value}`"


def _help(text: str | None) -> list[str]:
    return [escape(line, quote=False) for line in (text or "").strip().splitlines()]


def model_keys() -> str:
    """List every key of a model: type, default, unit, source and what it means."""
    schema = json.loads((ROOT / "docs" / "model.schema.json").read_text(encoding="utf-8"))
    defaults = yaml.safe_load((ROOT / "models" / "defaults.yaml").read_text(encoding="utf-8"))
    figures = _known_figures()
    lines = [
        "# Keys of a model",
        "",
        "Every key that a model may write. A default comes from `models/defaults.yaml` or from the",
        "schema; **unsourced** marks figures that no source was found for: replace them before",
        "you rely on them. A figure may be written as a number, as the id of a row of",
        "`data/unit_costs.csv`, or as `value`, `unit`, `source` and `confidence`.",
        "",
    ]
    parts = schema["$defs"]
    lines += _keys("The model", schema, defaults, figures, "")
    places = _places(schema, parts)
    for name in sorted(parts):
        if name == "Figure":
            continue
        given = _at(defaults, places.get(name, ""))
        lines += _keys(name, parts[name], given, figures, places.get(name, ""))
    return "\n".join(lines)


def _known_figures() -> dict[str, dict[str, str]]:
    with (ROOT / "data" / "unit_costs.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {next(iter(row.values())): row for row in rows}


def _places(schema: Mapping[str, Any], parts: Mapping[str, Any]) -> dict[str, str]:
    """Return by part the key under which it stands first, dotted from the model's top."""
    found: dict[str, str] = {}
    waiting: list[tuple[str, Mapping[str, Any]]] = [("", schema)]
    while waiting:
        prefix, part = waiting.pop(0)
        for key, value in part.get("properties", {}).items():
            for name in re.findall(r'"#/\$defs/(\w+)"', json.dumps(value)):
                if name not in found and name != "Figure":
                    found[name] = f"{prefix}{key}"
                    waiting.append((f"{prefix}{key}.", parts[name]))
    return found


def _at(tree: Any, place: str) -> Any:  # noqa: ANN401
    for key in place.split(".") if place else []:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def _keys(
    name: str,
    part: Mapping[str, Any],
    given: Any,  # noqa: ANN401
    figures: Mapping[str, Mapping[str, str]],
    place: str,
) -> list[str]:
    rows = []
    for key, value in part.get("properties", {}).items():
        default = given.get(key) if isinstance(given, dict) else None
        shown, unit, source = _value(value.get("default") if default is None else default, figures)
        rows.append(
            [f"`{key}`", _type(value), shown, unit, source, _text(value.get("description"))]
        )
    title = f"{name} (`{place}`)" if place else name
    heads = ["key", "type", "default", "unit", "source", "what it is"]
    return [f"## {title}", "", _text(part.get("description")), "", *_table(heads, rows), ""]


def _value(value: Any, figures: Mapping[str, Mapping[str, str]]) -> tuple[str, str, str]:  # noqa: ANN401
    """Return a default as shown, with its unit and source."""
    if isinstance(value, str) and value in figures:
        row = figures[value]
        unsourced = row.get("confidence") == "memory"
        source = f"{value} {row.get('item', '')}{', **unsourced**' if unsourced else ''}"
        return f"`{row.get('mid', value)}`", _text(row.get("unit")), _text(source, keep=True)
    if isinstance(value, dict) and "value" in value:
        unsourced = value.get("confidence") == "memory"
        source = f"{value.get('source', '')}{', **unsourced**' if unsourced else ''}"
        return f"`{value['value']}`", _text(value.get("unit")), _text(source, keep=True)
    if value in (None, "", [], {}):
        return "", "", ""
    if isinstance(value, (dict, list)) and len(json.dumps(value)) > 60:  # noqa: PLR2004
        return "see below" if isinstance(value, dict) else f"{len(value)} items", "", ""
    return f"`{json.dumps(value, ensure_ascii=False)}`", "", ""


def _type(value: Mapping[str, Any]) -> str:
    """Name the type of a key; a part of the model links to its own table."""
    if "$ref" in value:
        return _text(str(value["$ref"]).rpartition("/")[2])
    if "anyOf" in value:
        names = [_type(one) for one in value["anyOf"]]
        return "figure" if "Figure" in names else " or ".join(n for n in names if n != "null")
    if "enum" in value:
        return " or ".join(f"`{one}`" for one in value["enum"])
    if value.get("type") == "array":
        return f"list of {_type(value.get('items', {})) or 'values'}"
    return str(value.get("type", "")).replace("object", "mapping")


def run_keys() -> str:
    """List the keys of run.json."""
    schema = json.loads((ROOT / "docs" / "run.schema.json").read_text(encoding="utf-8"))
    rows = [
        [f"`{key}`", _type(value) if isinstance(value.get("type", ""), str) else "value or null",
         _text(value.get("description"))]
        for key, value in schema["properties"].items()
    ]  # fmt: skip
    about = _text(schema.get("description"))
    return "\n".join(
        ["# run.json", "", about, "", *_table(["key", "type", "what it is"], rows), ""]
    )


def layer_fields() -> str:
    """List the columns of plan.gpkg and its exports, and the layers with their styles."""
    from siting.store.styles import LOOKS  # noqa: PLC0415

    with (ROOT / "siting" / "store" / "fields.csv").open(encoding="utf-8", newline="") as file:
        fields = list(csv.DictReader(file))
    layers = [[f"`{name}`", look.zh] for name, look in LOOKS.items()]
    rows = [
        [f"`{row['field']}`", f"`{row['short']}`", row["unit"], row["zh"], _text(row["en"])]
        for row in fields
    ]
    heads = ["column", "in shapefiles", "unit", "中文", "English"]
    return "\n".join(
        ["# Layers and columns", "", "## Layers", "", *_table(["layer", "中文"], layers), "",
         "## Columns", "", *_table(heads, rows), ""]
    )  # fmt: skip


def _table(heads: list[str], rows: list[list[str]]) -> list[str]:
    if not rows:
        return []
    lines = [heads, ["---"] * len(heads), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def _text(text: Any, *, keep: bool = False) -> str:  # noqa: ANN401
    """Return text for a cell of a table: on one line, no markup but what is meant."""
    plain = " ".join(str(text or "").split()).replace("|", "\\|")
    return plain.replace("<", "&lt;") if keep else plain.replace("<", "&lt;").replace("*", "\\*")
