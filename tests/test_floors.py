"""The architecture that docs/architecture.md draws is the one the code has."""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "siting"
MOST_LINES = 430


def _module(path: Path) -> str:
    """Return the dotted name of a file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {_module(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def _unit(module: str) -> str:
    """Return what stands in the table: the module or sub-package right under `siting`."""
    return module.removeprefix("siting").removeprefix(".").partition(".")[0]


def _floors() -> list[list[str]]:
    """Return the names in the table of floors, lowest first, from left to right."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", text, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(len(rows)))
    return [re.findall(r"`(\w+)`", names) for _, names in rows]


ORDER = [name for row in _floors() for name in row]


@cache
def _tree(module: str) -> ast.Module:
    """Return a module's code; several tests read it."""
    return ast.parse(FILES[module].read_text(encoding="utf-8"))


def _for_types_alone(tree: ast.Module) -> set[ast.AST]:
    """Return the nodes under `if TYPE_CHECKING:`, which never run."""
    types = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    ]
    return {node for block in types for part in block.body for node in ast.walk(part)}


@cache
def _imports(module: str) -> set[str]:
    """Return the modules of siting that a module's code imports, at its top or in a function."""
    found: set[str] = set()
    tree = _tree(module)
    skipped = _for_types_alone(tree)
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} line {node.lineno}: imports are absolute"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in FILES else str(node.module))
    return {name for name in found if name == "siting" or name.startswith("siting.")}


def test_every_module_stands_on_one_floor() -> None:
    units = {_unit(module) for module in FILES} - {"", "__main__"}
    assert len(set(ORDER)) == len(ORDER)
    assert set(ORDER) - units == set(), "in the table of docs/architecture.md, not in siting/"
    assert units - set(ORDER) == set(), "in siting/, not in the table of docs/architecture.md"


@pytest.mark.parametrize("module", sorted(set(FILES) - {"siting", "siting.__main__"}))
def test_modules_import_only_from_floors_below(module: str) -> None:
    """Or from what stands left of them on their own floor, or in their own sub-package."""
    own = ORDER.index(_unit(module))
    for name in _imports(module):
        unit = _unit(name)
        if unit not in {"", _unit(module)}:
            assert ORDER.index(unit) < own, f"{module} imports {name}, which stands above it"


def test_the_checker_shares_no_code_with_what_it_checks() -> None:
    own = [module for module in FILES if _unit(module) == "verify"]
    direct = {_unit(name) for module in own for name in _imports(module)} - {"verify"}
    assert direct <= {"", "errors", "units", "text", "files", "frames", "datum", "plan"}
    checked = {"formulate", "core", "reach", "network", "candidates", "demand", "assemble"}
    assert not direct & checked


def test_the_ground_floor_needs_no_package_beyond_python() -> None:
    """So that an error can be told even where an installation is broken."""
    for name in _floors()[0]:
        for node in ast.walk(_tree(f"siting.{name}")):
            modules = [node.module] if isinstance(node, ast.ImportFrom) else []
            modules += [a.name for a in node.names] if isinstance(node, ast.Import) else []
            for imported in modules:
                top = str(imported).partition(".")[0]
                assert top == "siting" or top in sys.stdlib_module_names, (name, imported)


@pytest.mark.parametrize("module", sorted(FILES))
def test_modules_are_short_enough_to_read(module: str) -> None:
    lines = FILES[module].read_text(encoding="utf-8").count("\n")
    assert lines <= MOST_LINES, f"{module} has {lines} lines"


@pytest.mark.parametrize("module", sorted(FILES))
def test_modules_say_what_they_are_for(module: str) -> None:
    assert ast.get_docstring(_tree(module)), f"{module} begins with no docstring"


def test_every_formulation_has_its_note() -> None:
    modules = {path.stem for path in (PACKAGE / "formulate").glob("*.py")} - {"__init__"}
    notes = {path.stem for path in (ROOT / "models" / "formulations").glob("*.md")} - {"README"}
    assert modules
    written = "".join(p.read_text("utf-8") for p in (ROOT / "models" / "formulations").glob("*.md"))
    # A part of a formulation stands in the note of the whole, which names it.
    parts = {name for name in modules if f"formulate/{name}.py" in written}
    assert notes <= modules
    assert modules == notes | parts
