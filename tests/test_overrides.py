"""Options of the command line as values that replace those of a model."""

from __future__ import annotations

from pathlib import Path

from siting.commands.overrides import overrides_of


def test_options_that_were_not_given_replace_nothing() -> None:
    assert overrides_of() == {}
    assert overrides_of(total_cny=3e8) == {"budget": {"total_cny": 3e8}}
    assert overrides_of(gap=0.0, seed=0) == {"solve": {"gap": 0.0, "seed": 0}}


def test_roads_and_locks_stand_side_by_side_by_their_whole_paths() -> None:
    found = overrides_of(roads=Path("a.pbf"), lock=Path("locks.csv"), lock_datum="gcj02")
    assert found == {
        "sources": {
            "roads": str(Path("a.pbf").resolve()),
            "locks": {"file": str(Path("locks.csv").resolve()), "datum": "gcj02"},
        }
    }
