"""Hostile names stay text."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siting.text import CELL_LENGTH, cell, clip, json_for_script, slug

ANY_TEXT = st.text(alphabet=st.characters(), max_size=200)


@given(ANY_TEXT)
def test_slug_is_a_portable_name(name: str) -> None:
    made = slug(name)
    assert re.fullmatch(r"[\w-]{1,64}", made)
    assert len(made.encode()) <= 200
    assert slug(made) == made


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("济南市", "济南市"),
        ("../../etc/passwd", "etc-passwd"),
        ("CON", "CON_"),
        ("lpt1", "lpt1_"),
        ("...", "unnamed"),
        ("", "unnamed"),
        ("Ｊinan ２０25", "Jinan-2025"),
        ("a" * 300, "a" * 64),
    ],
)
def test_slug_examples(name: str, expected: str) -> None:
    assert slug(name) == expected


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(json_values)
def test_json_for_script_means_the_same_and_cannot_end_the_script(value: object) -> None:
    text = json_for_script(value)
    assert json.loads(text) == value
    assert not set(text) & set("<>&\u2028\u2029")
    text.encode("utf-8")


def test_json_for_script_takes_numpy_and_refuses_what_json_cannot_hold() -> None:
    assert json_for_script({"n": np.int64(3), "a": np.array([1.5, 2.0])}) == '{"n":3,"a":[1.5,2.0]}'
    with pytest.raises(ValueError, match="JSON"):
        json_for_script([float("nan")])
    with pytest.raises(TypeError, match="set"):
        json_for_script({1, 2})


@pytest.mark.parametrize(
    "text",
    [
        "=cmd|' /C calc'!A0",
        "+1+1",
        "-2+3+cmd",
        "@SUM(1,2)",
        "\t=1",
        "\r=1",
        " =1",
        "＝1+1",
        "－1+1",
        "\u3000=1",
        "\x01=1",
    ],
)
def test_cell_disarms_formulas(text: str) -> None:
    made = cell(text)
    assert isinstance(made, str)
    assert made.startswith("'")


@pytest.mark.parametrize("value", [-12.5, 3, None, True, "-12.5", "+3e5", "济南站", "", "a=b"])
def test_cell_leaves_numbers_and_plain_text(value: object) -> None:
    assert cell(value) == value


@given(ANY_TEXT)
def test_cell_holds_only_what_a_spreadsheet_can(text: str) -> None:
    made = cell(text)
    assert isinstance(made, str)
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", made)


def test_cell_is_never_longer_than_a_spreadsheet_takes() -> None:
    assert len(str(cell("=" * (CELL_LENGTH + 5)))) == CELL_LENGTH


@given(ANY_TEXT, st.integers(1, 80))
def test_clip_is_one_short_line(text: str, most: int) -> None:
    made = clip(text, most)
    assert len(made) <= most
    assert "\n" not in made
    assert "\u202e" not in made


def test_clip_marks_the_cut_and_keeps_marks_with_their_letter() -> None:
    assert clip("经十路", 3) == "经十路"
    assert clip("a  b\n c") == "a b c"
    assert clip("abcdef", 4) == "abc…"
    assert clip("abe\u0301x", 4) == "ab…"
    assert clip("gpj\u202egnp") == "gpjgnp"
    with pytest.raises(ValueError, match="0 characters"):
        clip("a", 0)
