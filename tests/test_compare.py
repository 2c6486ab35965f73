"""Runs side by side say what the runs say."""

from __future__ import annotations

import csv
import json
import re
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import HOSTILE

from siting.compare.runs import compare, overlap
from siting.errors import InputError, OutputError

if TYPE_CHECKING:
    from pathlib import Path

    from siting.compare.runs import Comparison
    from siting.pipeline import Published


@pytest.fixture(scope="module")
def compared(published: Published, tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Set the tiny town beside itself under a hostile name and with other totals."""
    folder = tmp_path_factory.mktemp("compare")
    other = folder / "other"
    shutil.copytree(published.folder, other)
    run = json.loads((other / "run.json").read_text(encoding="utf-8"))
    run["model"] = HOSTILE
    run["totals"]["cost_cny"] -= 10_000
    (other / "run.json").write_text(json.dumps(run), encoding="utf-8")
    return compare([published.folder, other], out=folder / "out")


def test_figures_clauses_and_districts_are_those_of_the_runs(
    compared: Comparison, published: Published
) -> None:
    lines = {(line.part, line.key): line for line in compared.lines}
    totals = published.plan.run["totals"]
    assert lines["figure", "stations"].values == (totals["stations"], totals["stations"])
    assert lines["figure", "cost_cny"].values == (totals["cost_cny"], totals["cost_cny"] - 10_000)
    assert lines["clause", "own piles"].notes == ("met", "met")
    districts = [key for key in lines if key[0] == "district" and key[1].endswith(" piles")]
    assert sum(lines[key].values[0] for key in districts) == totals["piles"]


def test_the_table_holds_every_line(compared: Comparison) -> None:
    with (compared.folder / "compare.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(compared.lines) + 1
    for row, line in zip(rows[1:], compared.lines, strict=True):
        assert (row["part"], row["key"]) == (line.part, line.key)
        assert float(row["A"]) == line.values[0]


def test_the_page_asks_for_nothing_runs_nothing_and_trusts_no_name(compared: Comparison) -> None:
    html = (compared.folder / "compare.html").read_text(encoding="utf-8")
    assert "<script" not in html
    assert "<img" not in html
    assert not re.search(r"(src|href)=", html.replace("img src=x", ""))
    assert "&lt;img" in html
    assert "default-src 'none'" in html
    assert html.count('type="radio"') == html.count("<svg") == 2


def test_the_cheaper_run_is_marked(compared: Comparison) -> None:
    html = (compared.folder / "compare.html").read_text(encoding="utf-8")
    row = next(row for row in html.split("<tr>") if "投资" in row and "<td" in row)
    cells = re.findall(r'<td class="(\w*)">', row)
    assert cells == ["", "best"]


def test_what_cannot_be_compared_is_refused(published: Published, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="2 to 6"):
        compare([published.folder], out=tmp_path / "one")
    with pytest.raises(InputError):
        compare([published.folder, tmp_path], out=tmp_path / "two")
    (tmp_path / "there").mkdir()
    with pytest.raises(OutputError):
        compare([published.folder, published.folder], out=tmp_path / "there")


@given(st.lists(st.sets(st.sampled_from("abcdef")), min_size=1, max_size=4))
def test_overlap_is_the_share_in_common(chosen: list[set[str]]) -> None:
    table = overlap(chosen)
    assert np.array_equal(table, table.T)
    assert np.all(np.diag(table) == 1)
    for n, one in enumerate(chosen):
        for m, other in enumerate(chosen):
            if one | other:
                assert table[n, m] == pytest.approx(len(one & other) / len(one | other))
