"""Tiles only when asked for, from where the policy says, and never with a key in a file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
import shapely
from plans import make_plan
from typer.testing import CliRunner

from siting.cli import app
from siting.datum import gcj02_to_wgs84
from siting.errors import InputError
from siting.webmap import write_map
from siting.webmap.tiles import KEY_VARIABLE, shifted, tile_source

if TYPE_CHECKING:
    from pathlib import Path

    from siting.pipeline import Published

KEY = "0123456789abcdef0123456789abcdef"


def policy(path: Path) -> str:
    found = re.search(
        r'Content-Security-Policy" content="([^"]*)"', path.read_text(encoding="utf-8")
    )
    assert found is not None
    return found[1]


def images(path: Path) -> list[str]:
    return policy(path).split("img-src ")[1].split(";")[0].split()


def test_a_map_without_tiles_lets_no_image_in_but_its_own(tmp_path: Path) -> None:
    write_map(make_plan(), tmp_path / "a.html")
    assert images(tmp_path / "a.html") == ["data:"]


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("osm", ["https://tile.openstreetmap.org"]),
        ("tianditu", [f"https://t{k}.tianditu.gov.cn" for k in range(8)]),
        ("amap", [f"https://webrd0{k}.is.autonavi.com" for k in range(1, 5)]),
    ],
)
def test_the_policy_names_the_hosts_of_the_tiles_and_no_other(
    tmp_path: Path, name: str, allowed: list[str]
) -> None:
    path = tmp_path / "a.html"
    write_map(make_plan(), path, tiles=tile_source(name, path))
    assert images(path) == ["data:", *allowed]
    assert "default-src 'none'" in policy(path)
    assert "connect-src" not in policy(path)


def test_a_plan_on_amap_is_shifted_whole_and_back_within_a_decimetre() -> None:
    plan = make_plan()
    moved = shifted(plan, "gcj02")
    for name in ("stations", "districts", "roads", "demand"):
        want = shapely.get_coordinates(getattr(plan, name).geometry.to_numpy())
        got = shapely.get_coordinates(getattr(moved, name).geometry.to_numpy())
        assert np.abs(got - want).max() > 1e-3
        back = np.column_stack(gcj02_to_wgs84(got[:, 0], got[:, 1]))
        assert np.abs(back - want).max() < 1e-6
    assert moved.clauses is plan.clauses


def test_a_folder_of_tiles_is_addressed_from_the_map(tmp_path: Path) -> None:
    tile = tmp_path / "瓦片 a" / "9" / "421" / "199.png"
    tile.parent.mkdir(parents=True)
    tile.write_bytes(b"png")
    found = tile_source(str(tmp_path / "瓦片 a"), tmp_path / "maps" / "a.html")
    assert found.urls == ("../%E7%93%A6%E7%89%87%20a/{z}/{x}/{y}.png",)
    assert found.zooms == (9, 9)
    with pytest.raises(InputError, match="no tiles"):
        tile_source(str(tmp_path / "瓦片 a" / "9"), tmp_path / "a.html")
    with pytest.raises(InputError, match="no such source"):
        tile_source("baidu", tmp_path / "a.html")


def test_the_key_of_the_environment_is_in_no_output(
    published: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    monkeypatch.setattr("webbrowser.open", opened.append)
    out = tmp_path / "a.html"
    words = ["map", str(published.folder), "--tiles", "tianditu", "--out", str(out), "--open"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert opened == [f"{out.as_uri()}#tk={KEY}"]
    assert KEY not in done.output
    written = [path for folder in (tmp_path, published.folder) for path in folder.rglob("*")]
    assert out in written
    assert not [path for path in written if path.is_file() and KEY.encode() in path.read_bytes()]


def test_a_map_never_goes_into_the_run_and_its_name_tells_the_datum(published: Published) -> None:
    inside = str(published.folder / "map.html")
    refused = CliRunner().invoke(app, ["map", str(published.folder), "--out", inside])
    assert isinstance(refused.exception, InputError)
    done = CliRunner().invoke(app, ["map", str(published.folder), "--tiles", "amap"])
    assert done.exit_code == 0, done.output
    (made,) = published.folder.parent.glob("*-map-amap-gcj02.html")
    assert made.name.startswith(published.folder.name)
    made.unlink()
