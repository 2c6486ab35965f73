"""environment.yml, requirements.lock and pyproject.toml name the same packages."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
CONDA_NAMES = {"pyosmium": "osmium", "playwright-python": "playwright"}
"""conda-forge's name to PyPI's, where they differ."""

Names = dict[str, SpecifierSet]


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def environment() -> dict[str, Any]:
    loaded = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


@pytest.fixture(scope="module")
def locked() -> dict[str, list[tuple[Version, str]]]:
    return _locked("requirements.lock")


def _locked(lock: str) -> dict[str, list[tuple[Version, str]]]:
    """Return versions by name, each with its environment marker."""
    found: dict[str, list[tuple[Version, str]]] = {}
    text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", "")
    for line in text.splitlines():
        match = re.match(r"([A-Za-z0-9._-]+)==(\S+)( ; (.*?))?(?=\s+--hash)", line)
        if match:
            name, version, marker = match[1], Version(match[2]), match[4] or ""
            found.setdefault(canonicalize_name(name), []).append((version, marker))
    return found


def _names(lines: list[str]) -> Names:
    requirements = [Requirement(line) for line in lines]
    names = [canonicalize_name(CONDA_NAMES.get(r.name, r.name)) for r in requirements]
    assert len(set(names)) == len(names), "a package is there twice"
    return {name: r.specifier for name, r in zip(names, requirements, strict=True)}


def _wanted(project: dict[str, Any]) -> Names:
    lines = [*project["project"]["dependencies"]]
    lines += project["project"]["optional-dependencies"]["sample"]
    return _names(lines + project["dependency-groups"]["dev"])


def test_conda_environment_names_the_same_packages_and_bounds(
    project: dict[str, Any], environment: dict[str, Any]
) -> None:
    *conda, pip = environment["dependencies"]
    assert pip["pip"][-1] == "-e ."
    python, bare_pip, *packages = conda
    assert bare_pip == "pip"
    assert SpecifierSet(python.removeprefix("python")) == SpecifierSet(
        project["project"]["requires-python"]
    )
    assert _names([*packages, *pip["pip"][:-1]]) == _wanted(project)


def test_conda_environment_takes_conda_forge_alone(environment: dict[str, Any]) -> None:
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    assert environment["name"] == "siting"


def test_lock_holds_a_fitting_version_of_every_direct_package(
    project: dict[str, Any], locked: dict[str, list[tuple[Version, str]]]
) -> None:
    wanted = _wanted(project) | _names(project["dependency-groups"]["build"])
    for name, specifier in wanted.items():
        assert name in locked, f"{name} isn't locked: make the lock again (CONTRIBUTING.md)"
        for version, _ in locked[name]:
            assert version in specifier, (name, version)


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_lock_has_one_version_of_every_package_for_each_python(
    project: dict[str, Any], locked: dict[str, list[tuple[Version, str]]], python: str
) -> None:
    here = {"python_version": python, "python_full_version": f"{python}.0"}
    for name in _wanted(project):
        fitting = [
            version
            for version, marker in locked[name]
            if not marker or Marker(marker).evaluate(here)
        ]
        assert len(fitting) == 1, (name, fitting)


def test_documentation_adds_packages_to_the_lock_and_changes_none(
    project: dict[str, Any], locked: dict[str, list[tuple[Version, str]]]
) -> None:
    added = _locked("requirements-docs.lock")
    for name, specifier in _names(project["dependency-groups"]["docs"]).items():
        assert all(version in specifier for version, _ in added[name]), name
        assert name not in locked, "what runs needs none of it"
    for name in added.keys() & locked.keys():
        there = {version for version, _ in locked[name]}
        assert {version for version, _ in added[name]} <= there, name


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-docs.lock"])
def test_every_locked_package_has_hashes_and_no_other_place_is_named(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=[a-z0-9])", text)
    assert all("--hash=sha256:" in block for block in blocks)
    assert not re.search(r"://|--index|--find-links|--trusted|^-", text, re.MULTILINE)
