"""YAML means what it looks like, and every mistake is told with its line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from siting.errors import InputError
from siting.model.yaml import MOST_BYTES, YamlFile, key_text, load_yaml, read_yaml

if TYPE_CHECKING:
    from pathlib import Path

Read = Callable[[str], YamlFile]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def write_and_read(text: str) -> YamlFile:
        path = tmp_path / "model.yaml"
        path.write_text(text, encoding="utf-8")
        return read_yaml(path)

    return write_and_read


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("Off", "Off"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("12:30:45", "12:30:45"),
        ("2025-01-01", "2025-01-01"),
        ("0123", "0123"),
        ("0x1F", "0x1F"),
        ("1_000_000", 1_000_000),
        ("1_00", "1_00"),
        ("22,000", "22,000"),
        ("-7", -7),
        ("1e3", 1000.0),
        ("9E8", 9e8),
        (".5", 0.5),
        ("-2.", -2.0),
        ("1.5e-3", 0.0015),
        ("'12'", "12"),
        ('"true"', "true"),
        ("济南市", "济南市"),
        ("1.2.3", "1.2.3"),
        ("=", "="),
    ],
)
def test_a_plain_value_means_what_it_looks_like(read: Read, text: str, value: object) -> None:
    file = read(f"a: {text}\n")
    assert file.problems == ()
    assert file.data == {"a": value}
    assert repr(file.data) == repr({"a": value}), "of the same type"


def test_block_text_stays_text(read: Read) -> None:
    assert read("a: >-\n  1\n  2\nb: |\n  3\n").data == {"a": "1 2", "b": "3\n"}


def test_keys_stay_text(read: Read) -> None:
    assert read("2025: 1\nno: 2\n1e3: 3\n").data == {"2025": 1, "no": 2, "1e3": 3}


def test_every_key_and_item_has_its_line(read: Read) -> None:
    file = read("a: 1\nb:\n  - c: 2\n    d: 3\n  - {c: 4, d: 5}\n")
    assert file.lines[("a",)] == 1
    assert file.lines[("b",)] == 2
    assert file.lines[("b", 0, "d")] == 4
    assert file.lines[("b", 1)] == 5
    assert file.lines[("b", 1, "d")] == 5
    assert file.where(("b", 1, "nothing", "there")).endswith("model.yaml:5")
    assert file.where(("nothing",)).endswith("model.yaml:1")


def test_all_mistakes_are_told_at_once_in_the_order_of_lines(read: Read) -> None:
    file = read(
        "a: &x 1\na: 2\nb: *x\nc: !!python/object:os.system {}\nd: .nan\n<<: {e: 1}\n"
        'f: "\\0"\n? [g]\n: 1\nh: {a: 1, a: .inf}\ni: 1e999\n'
    )
    told = [(problem.where.rpartition(":")[2], problem.what) for problem in file.problems]
    assert told == [
        ("1", "anchors aren't allowed"),
        ("2", "this key is there twice, first in line 1"),
        ("3", "aliases aren't allowed"),
        ("4", "tags aren't allowed"),
        ("5", "a plan can't use this number"),
        ("6", "merge keys aren't allowed"),
        ("7", "the text holds a control character"),
        ("8", "a key has to be a name"),
        ("10", "this key is there twice, first in line 10"),
        ("10", "a plan can't use this number"),
        ("11", "the number is too large"),
    ]


def test_the_first_of_a_duplicate_is_kept(read: Read) -> None:
    assert read("a: 1\na: {b: 2}\n").data == {"a": 1}


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("a: 1\nb: [1\nc: 2\n", "this isn't YAML", 3),
        ("a:\n\t- b\n", "this isn't YAML", 2),
        ("a: 1\n---\nb: 2\n", "single document", 2),
        ("a: 1\nb: \x07\n", "U+0007", 2),
        ("# nothing\n", "says nothing", 1),
        ("a: " + "[" * 60 + "]" * 60, "deeper than 20", 1),
        ("a: " + "9" * 5000, "too long", 1),
    ],
)
def test_what_is_not_yaml_is_one_problem_with_its_line(
    read: Read,
    text: str,
    what: str,
    line: int,
) -> None:
    (problem,) = read(text).problems
    assert what in problem.what
    assert problem.where.endswith(f":{line}")


def test_bombs_are_refused_at_once(read: Read) -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
    )
    start = time.process_time()
    assert any("aliases" in problem.what for problem in read(bomb).problems)
    assert read("[" * 20_000).problems
    assert time.process_time() - start < 2


def test_a_file_that_is_too_large_or_missing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_bytes(b"#" * (MOST_BYTES + 1))
    with pytest.raises(InputError, match="larger than 1 MB"):
        read_yaml(path)
    with pytest.raises(InputError, match="No such file"):
        read_yaml(tmp_path / "none.yaml")


def test_load_yaml_gives_the_data_or_lists_every_problem(tmp_path: Path) -> None:
    path = tmp_path / "facts.yaml"
    path.write_text("a: 1\n")
    assert load_yaml(path) == {"a": 1}
    path.write_text("a: 1\na: 2\nb: .nan\n")
    with pytest.raises(InputError, match=r"(?s)facts\.yaml:2: a: .*facts\.yaml:3: b: "):
        load_yaml(path)


def test_key_text_is_how_people_write_keys() -> None:
    assert key_text(("charging", "piles", 2, "kw")) == "charging.piles[2].kw"


plain_data = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=st.characters(exclude_categories=["C"], max_codepoint=0xFFFF), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(
                alphabet=st.characters(categories=["L"], max_codepoint=0xFFFF),
                min_size=1,
                max_size=8,
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.dictionaries(st.text("abc", min_size=1), plain_data, min_size=1))
def test_json_is_read_as_it_means(read: Read, data: dict[str, object]) -> None:
    file = read(json.dumps(data))
    assert file.problems == ()
    assert file.data == data


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(text=st.text(alphabet="ab:-[]{}&*!#'\"|>%@?, \n\t\\0", max_size=60))
def test_no_text_breaks_the_reader(read: Read, text: str) -> None:
    if text.encode():
        file = read(text)
        assert file.problems or file.data is not None or text.strip()
