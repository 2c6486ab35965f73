"""Named overrides composed into scenarios."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import write_model

from siting.errors import ModelError
from siting.model.model import load_model
from siting.sweep.scenarios import merged, scenarios_of

if TYPE_CHECKING:
    from pathlib import Path

PARTS = """
scenarios:
  overrides:
    poor: {charging: {budget_cny: 3000000}}
    rich: {charging: {budget_cny: 9000000}}
    dense: {charging: {nearest_sites: 20}, solve: {seed: 3}}
    own: {sources: {roads: other.osm.pbf}}
"""

leaves = st.integers(0, 9)
mappings = st.dictionaries(
    st.sampled_from("abc"), leaves | st.dictionaries(st.sampled_from("xy"), leaves), max_size=3
)


def _model(folder: Path, more: str) -> Path:
    path = write_model(folder)
    path.write_text(path.read_text(encoding="utf-8") + PARTS + more, encoding="utf-8")
    return path


def test_runs_and_the_grid_are_composed_beside_the_model_as_it_is(tmp_path: Path) -> None:
    path = _model(
        tmp_path, "  runs: {both: [rich, dense, poor]}\n  grid: [[poor, rich], [dense]]\n"
    )
    found = scenarios_of(path, load_model(path))
    assert [one.name for one in found] == ["base", "both", "poor-dense", "rich-dense"]
    questions = [load_model(path, one.overrides) for one in found]
    assert [one.charging.budget_cny for one in questions] == [4e7, 3e6, 3e6, 9e6]
    assert [one.charging.nearest_sites for one in questions] == [12, 20, 20, 20]
    assert [one.solve.seed for one in questions] == [0, 3, 3, 3]
    assert questions[1].name == "tiny-both"
    assert questions[1].solve.gap == questions[0].solve.gap, "what isn't named stays"


def test_a_file_of_an_override_lies_beside_the_model(tmp_path: Path) -> None:
    path = _model(tmp_path, "  runs: {own: [own]}\n")
    other = tmp_path / "other.osm.pbf"
    other.write_bytes((tmp_path / "town.osm.pbf").read_bytes())
    found = scenarios_of(path, load_model(path))
    assert load_model(path, found[1].overrides).sources.roads.file == str(other)


def test_an_unknown_override_is_named_with_those_there_are(tmp_path: Path) -> None:
    path = _model(tmp_path, "  runs: {odd: [rihc]}\n")
    with pytest.raises(ModelError, match=r"no override rihc.*poor, rich"):
        load_model(path)


def test_two_scenarios_of_one_name_are_refused(tmp_path: Path) -> None:
    path = _model(tmp_path, "  runs: {poor-dense: [poor]}\n  grid: [[poor], [dense]]\n")
    with pytest.raises(ModelError, match="poor-dense"):
        scenarios_of(path, load_model(path))


def test_a_model_without_scenarios_is_told_what_to_add(tmp_path: Path) -> None:
    path = write_model(tmp_path)
    with pytest.raises(ModelError, match="no scenarios"):
        scenarios_of(path, load_model(path))


@given(mappings, mappings)
def test_what_a_later_override_says_holds_and_the_rest_stays(
    one: dict[str, Any], two: dict[str, Any]
) -> None:
    both = merged(one, two)
    assert merged(both, two) == both
    assert merged(one, {}) == one == merged({}, one)
    for name in one.keys() | two.keys():
        over = two.get(name, one.get(name))
        assert both[name] == (
            {**one[name], **over}
            if isinstance(one.get(name), dict) and isinstance(over, dict)
            else over
        )


def test_a_figure_is_taken_whole() -> None:
    under = {"radius": {"value": 3, "source": "a document"}}
    assert merged(under, {"radius": {"value": 4}}) == {"radius": {"value": 4}}
