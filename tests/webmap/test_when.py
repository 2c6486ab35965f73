"""Any layer that says when it is built is understood, whatever the column is called."""

from __future__ import annotations

import pandas as pd
import pytest

from siting.webmap.when import built_when


@pytest.mark.parametrize(
    ("columns", "want"),
    [
        ({"year": [2025, 0, 2027]}, ("year", [2025, 0, 2027])),
        ({"year": [2025.0, float("nan"), 2026.0], "phase": [1, 2, 3]}, ("year", [2025, 0, 2026])),
        (
            {"phase_name": ["已开放", "2025年", "到2026年底"], "phase": [0, 1, 2]},
            ("year", [0, 2025, 2026]),
        ),
        ({"phase_name": ["已开放", "一期", "二期"], "phase": [0, 1, 2]}, ("batch", [0, 1, 2])),
        ({"batch": ["1", "2", ""]}, ("batch", [1, 2, 0])),
    ],
)
def test_columns_tell_when(columns: dict[str, list[object]], want: tuple[str, list[int]]) -> None:
    found = built_when(pd.DataFrame(columns))
    assert found is not None
    assert (found["unit"], found["step"]) == want


@pytest.mark.parametrize("columns", [{"name": ["a"]}, {"year": [0]}, {"phase": [0]}])
def test_what_tells_nothing_is_always_there(columns: dict[str, list[object]]) -> None:
    assert built_when(pd.DataFrame(columns)) is None
