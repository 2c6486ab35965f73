"""The documentation site: every command, key and page is in it, and it builds strictly."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import yaml
from jsonschema import Draft202012Validator

from siting.facts import figure
from siting.model.model import load_model

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SCHEMA_LINE = "# yaml-language-server: $schema="
MODELS = [path for path in sorted((ROOT / "models").glob("*.yaml")) if path.stem != "defaults"]


@cache
def _hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_hooks", DOCS / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def _model_page() -> str:
    return str(_hooks().model_page())


def _rows(page: str, heading: str) -> dict[str, list[str]]:
    """Return the rows of the table under a heading, by their first cell."""
    part = re.split(r"^## ", page, flags=re.MULTILINE)
    found = next(one for one in part if one.split("\n")[0].split(" {")[0] == heading)
    lines = [line for line in found.splitlines() if line.startswith("| ")][1:]
    cells = [re.split(r"(?<!\\) \| ", line.removeprefix("| ").removesuffix(" |")) for line in lines]
    return {row[0].strip("*`"): row for row in cells}


def _nav(found: object) -> list[str]:
    if isinstance(found, str):
        return [found]
    items = found.values() if isinstance(found, dict) else found
    assert not isinstance(items, bytes)
    return [page for item in items for page in _nav(item)]  # type: ignore[attr-defined]


def _config() -> dict[str, Any]:
    loaded = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def test_every_command_stands_on_its_page_with_every_option() -> None:
    page = _hooks().cli_page()
    for name, command in _hooks().commands().items():
        rows = _rows(page, f"siting {name}")
        assert len(rows) == len(command.params), name
        for one in command.params:
            if one.param_type_name == "option":
                row = next(row for key, row in rows.items() if one.opts[0] in key)
                assert one.help.split("|")[0].strip() in row[-1]


def test_options_have_their_type_and_default() -> None:
    rows = _rows(_hooks().cli_page(), "siting schemes")
    assert rows["--number"][1:3] == ["integer", "`3`"]
    assert rows["--differ"][1:3] == ["number", "`0.3`"]
    assert rows["--out"][1:3] == ["path", "`maps`"]
    assert rows["MODEL"][1:3] == ["text", "required"]
    assert _rows(_hooks().cli_page(), "siting frontier")["--budget"][2] == "required"


def test_every_exit_code_is_told() -> None:
    codes = [code for code, _, _ in _hooks().exit_codes()]
    assert codes == sorted(set(codes))
    assert {3, 4, 5, 6, 7, 8, 9, 10, 11} <= set(codes)


def test_every_key_of_the_schema_stands_on_the_page_of_keys() -> None:
    schema = json.loads((DOCS / "model.schema.json").read_text(encoding="utf-8"))
    assert set(_rows(_model_page(), "model")) == set(schema["properties"])
    keys = set(re.findall(r"^\| \*{0,2}`([^`]+)`", _model_page(), re.MULTILINE))
    others = {"Figure", "Words"}
    parts = {name: part for name, part in schema["$defs"].items() if name not in others}
    for name, part in parts.items():
        missing = set(part.get("properties", {})) - keys
        assert not missing, (name, missing)


def test_every_key_says_what_it_is() -> None:
    rows = re.findall(r"^\| \*{0,2}`([a-z_0-9]+)`.*\| (.*) \|$", _model_page(), re.MULTILINE)
    assert len(rows) > 300
    assert not [key for key, said in rows if not said.strip()]


def test_defaults_are_those_that_a_model_takes_with_unit_and_source() -> None:
    taken = load_model("jinan")
    rows = _rows(_model_page(), "demand.fleet")
    assert float(rows["kwh_day"][3]) == taken.demand.fleet.kwh_day.value
    assert rows["kwh_day"][2] == "kWh/vehicle/day"
    assert rows["kwh_day"][4].startswith("**unsourced**")
    radius = _rows(_model_page(), "charging")["urban_radius_m"]
    assert float(radius[3].replace(",", "")) == taken.charging.urban_radius_m.value
    assert radius[4].startswith("Beijing 2025"), "found in a source, so not unsourced"
    fixed = _rows(_model_page(), "charging")["station_fixed_cny"]
    assert float(fixed[3].replace(",", "")) == figure("U012")["value"], "by the id of its row"
    piles = re.findall(r"`charging\.piles\.(\w+)\.equipment_cny`", _model_page())
    assert piles == [pile.id for pile in taken.charging.piles]


def test_every_page_is_in_the_navigation_and_every_entry_is_a_page() -> None:
    written = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}
    pages = _nav(_config()["nav"])
    assert len(set(pages)) == len(pages)
    assert set(pages) == written | set(_hooks().generated_pages())


def test_links_of_copied_files_lead_to_pages_and_others_become_text() -> None:
    page = _hooks().page_text("models/README.md")
    assert "](formulations/oneplan.md)" in page
    page = _hooks().page_text("CONTRIBUTING.md")
    assert "](architecture.md)" in page
    assert "](changelog.md)" in page


def test_cells_keep_bars_and_angle_brackets_as_text() -> None:
    assert _hooks()._cell("a | b <script> `c <d>`\nnext") == r"a \| b &lt;script> `c <d>` next"


def test_every_public_function_of_the_reference_is_there() -> None:
    page = (DOCS / "reference" / "python.md").read_text(encoding="utf-8")
    for name in re.findall(r"^::: (\S+)", page, re.MULTILINE):
        module, _, member = name.rpartition(".")
        found = getattr(importlib.import_module(module), member)
        assert found.__doc__, name


def test_commands_on_the_pages_exist_with_their_options() -> None:
    """A tour that names an option that is gone misleads."""
    known = {
        name: {option for one in command.params for option in one.opts}
        for name, command in _hooks().commands().items()
    }
    pages = [ROOT / "README.md", *DOCS.rglob("*.md")]
    for path in pages:
        for line in path.read_text(encoding="utf-8").splitlines():
            found = re.match(r"(?:.*\.venv/bin/|[A-Z_]+=\S+ )?siting ([a-z]+) (.*)", line.strip())
            if found is None or line.startswith("|"):
                continue
            said = re.findall(r"(?<!\S)--[a-z-]+", found[2].split(" #")[0])
            assert set(said) <= known[found[1]], f"{path.name}: {line}"


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_shipped_models_name_their_schema_first_and_keep_to_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith(SCHEMA_LINE)
    named = path.parent / text.splitlines()[0].removeprefix(SCHEMA_LINE)
    schema = json.loads(named.read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(yaml.safe_load(text))


class _Places(HTMLParser):
    """Collects what a page loads by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in {"script", "img", "iframe", "source"}:
            self.loaded.append(given.get("src") or "")
        if tag == "link" and given.get("rel") != "canonical":
            self.loaded.append(given.get("href") or "")


@pytest.mark.slow
def test_site_builds_strictly_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    if importlib.util.find_spec("mkdocs") is None:
        pytest.skip("mkdocs isn't installed: python3 bootstrap.py docs installs it")
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    pages = [path for path in tmp_path.rglob("*.html") if path.name != "404.html"]
    assert len(pages) == len(_nav(_config()["nav"]))
    for path in pages:
        places = _Places()
        places.feed(path.read_text(encoding="utf-8"))
        assert not [place for place in places.loaded if urlsplit(place).netloc], path.name
    assert not list(tmp_path.rglob("hooks*"))
    fetched = (tmp_path / "reference" / "python.html").read_text(encoding="utf-8")
    assert 'id="siting.pipeline.plan"' in fetched
