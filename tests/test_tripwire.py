"""Every kind of layer in every wrong frame: named with what is wrong and the line that cures it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from test_citysources import M_PER_DEG, beside_roads, model, read

from siting.datum import from_wgs84, to_wgs84
from siting.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SCALE = M_PER_DEG * np.array([np.cos(np.radians(36.67)), 1.0])
POINTS = ("existing", "sites", "junctions", "grid", "demand")
OWN = (*POINTS, "exclusions", "opened")
WHAT = {"existing": "stations", "sites": "sites", "junctions": "junctions", "grid": "substations",
        "demand": "demand places", "exclusions": "exclusions", "opened": "test roads",
        "districts": "districts", "roads": "roads"}  # fmt: skip
MORE: dict[str, dict[str, Any]] = {
    "existing": {"piles": 4}, "sites": {"kind": "parking"}, "grid": {"headroom_kw": 900},
    "demand": {"population": 10}, "opened": {"road": "试验路"}, "exclusions": {"kind": "红线"},
    "roads": {"highway": "secondary"},
}  # fmt: skip


def town(folder: Path) -> dict[str, gpd.GeoDataFrame]:
    """One true layer of each kind, WGS-84: streets, blocks between them, places beside them."""
    places = beside_roads(folder, 400)
    at = gpd.points_from_xy(places.lon, places.lat)
    streets = gpd.read_file(folder / "streets.gpkg").geometry
    noded = shapely.get_parts(shapely.node(shapely.multilinestrings(streets.to_list())))
    blocks = np.asarray(shapely.get_parts(shapely.polygonize(noded)))
    x, y = shapely.get_coordinates(shapely.centroid(blocks)).T
    side = (x > np.median(x)) * 2 + (y > np.median(y))
    quarters = [shapely.union_all(blocks[side == k]) for k in range(4)]
    shapes: dict[str, Any] = dict.fromkeys(POINTS, at)
    shapes |= {
        "exclusions": blocks[::7],
        "opened": streets[::5],
        "districts": quarters,
        "roads": streets,
    }
    return {
        kind: gpd.GeoDataFrame(
            MORE.get(kind, {}), geometry=list(shape), index=range(len(shape)), crs=4326
        )
        for kind, shape in shapes.items()
    }


def shifted(datum: str) -> Callable[[gpd.GeoDataFrame], gpd.GeoDataFrame]:
    def move(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        def to(xy: np.ndarray) -> np.ndarray:
            return np.column_stack(from_wgs84(xy[:, 0], xy[:, 1], datum))

        return frame.set_geometry(shapely.transform(frame.geometry.to_numpy(), to), crs=4326)

    return move


def swapped(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    turned = shapely.transform(frame.geometry.to_numpy(), lambda xy: xy[:, ::-1])
    return frame.set_geometry(turned, crs=4326)


def labelled(code: int, label: int) -> Callable[[gpd.GeoDataFrame], gpd.GeoDataFrame]:
    return lambda frame: frame.to_crs(code).set_crs(label, allow_override=True)


def sources(kind: str) -> tuple[str, int]:
    """Return the model's sources with the layer of a kind, and the line of its file."""
    lines = [f"  roads: {'{file: roads.gpkg}' if kind == 'roads' else 'streets.gpkg'}"]
    district = "{file: districts.gpkg}" if kind == "districts" else "whole.gpkg"
    lines.append(f"  districts: {district}")
    if kind not in {"roads", "districts"}:
        lines.append(f"  {kind}: {{file: {kind}.gpkg}}")
    return "\n".join(lines) + "\n", {"roads": 4, "districts": 5}.get(kind, 6)


def refused(folder: Path, kind: str, wrong: Callable[..., gpd.GeoDataFrame]) -> InputError:
    """Read a city with one layer spoilt; return what it is refused with."""
    layers = town(folder)
    layers["districts"].to_file(folder / "whole.gpkg")
    spoilt = wrong(layers[kind])
    text, _ = sources(kind)
    path = model(folder, text, **{kind: spoilt})
    with pytest.raises(InputError) as caught:
        read(path, folder)
    assert f"{kind}.gpkg" in str(caught.value)
    return caught.value


@pytest.mark.parametrize("datum", ["gcj02", "bd09"])
@pytest.mark.parametrize("kind", [*OWN, "districts"])
def test_a_shifted_layer_is_named_with_the_measured_shift_and_the_line(
    tmp_path: Path, kind: str, datum: str
) -> None:
    error = refused(tmp_path, kind, shifted(datum))
    name = {"gcj02": "GCJ-02", "bd09": "BD-09"}[datum]
    assert error.what == f"the {WHAT[kind]} look like {name}, not WGS-84"
    line = sources(kind)[1]
    assert f"own.yaml:{line}" in error.cure
    assert re.search(rf"datum: {datum}`", error.cure)
    at = shapely.get_coordinates(shifted(datum)(town(tmp_path)[kind]).geometry.to_numpy())
    true = ((at - np.column_stack(to_wgs84(at[:, 0], at[:, 1], datum))) * SCALE).mean(axis=0)
    east, way_x, _, north, way_y = re.match(
        r"shifted (\d+) m (\w+) (and) (\d+) m (\w+)", str(error.value)
    ).groups()  # type: ignore[union-attr]
    told = np.array(
        [
            float(east) * (1 if way_x == "east" else -1),
            float(north) * (1 if way_y == "north" else -1),
        ]
    )
    assert np.hypot(*(told - true)) < 30


@pytest.mark.parametrize("datum", ["gcj02", "bd09"])
def test_shifted_roads_are_named_beside_districts_of_a_layer(tmp_path: Path, datum: str) -> None:
    error = refused(tmp_path, "roads", shifted(datum))
    assert error.what.startswith(f"the roads look like {datum.upper()}, not WGS84")
    at = np.array([117.03, 36.68])
    true = np.hypot(*((np.array(from_wgs84(*at, datum)) - at) * SCALE))
    assert abs(float(re.search(r"by ([\d,]+) m", str(error.value))[1].replace(",", "")) - true) < 30  # type: ignore[index]
    assert f"own.yaml:4: write `datum: {datum}`" in error.cure


@pytest.mark.parametrize("kind", [*OWN, "districts", "roads"])
def test_swapped_axes_are_named(tmp_path: Path, kind: str) -> None:
    assert refused(tmp_path, kind, swapped).what == "longitude and latitude are swapped"


@pytest.mark.parametrize("kind", [*OWN, "districts", "roads"])
def test_web_mercator_metres_called_degrees_are_named(tmp_path: Path, kind: str) -> None:
    error = refused(tmp_path, kind, labelled(3857, 4326))
    assert "says its coordinates are degrees (WGS 84), but they look like metres" in error.what
    assert "as Web Mercator (EPSG:3857) around 117.0" in str(error.value)
    if kind not in {"districts", "roads"}:
        assert "`crs: EPSG:3857`" in error.cure


@pytest.mark.parametrize(
    ("kind", "real", "label"),
    [
        ("existing", 4548, 4549),
        ("grid", 4527, 4548),
        ("exclusions", 4549, 4548),
        ("opened", 4548, 3857),
        ("districts", 4548, 4549),
        ("roads", 4548, 4549),
        ("roads", 4527, 4548),
    ],
)
def test_another_zone_of_cgcs2000_than_stated_is_named(
    tmp_path: Path, kind: str, real: int, label: int
) -> None:
    error = refused(tmp_path, kind, labelled(real, label))
    line = sources(kind)[1]
    assert f"own.yaml:{line}: write `crs: EPSG:{real}`" in error.cure


@pytest.mark.parametrize("kind", [*OWN, "districts", "roads"])
def test_a_true_layer_passes(tmp_path: Path, kind: str) -> None:
    layers = town(tmp_path)
    layers["districts"].to_file(tmp_path / "whole.gpkg")
    for code in (4326, 4490, 4548):
        text, _ = sources(kind)
        city = read(model(tmp_path, text, **{kind: layers[kind].to_crs(code)}), tmp_path)
        assert len(city.map.roads.frame) == 48
        assert kind not in OWN or len(city.layers[kind]) == len(layers[kind])
