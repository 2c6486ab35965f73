"""A deterministic sample city, written as an ordinary OSM PBF from real districts and census."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pyproj import CRS, Transformer

from siting.districts import boundary_version, districts_of
from siting.facts import district_table
from siting.files import replacing
from siting.sample.compose import compose
from siting.sample.facilities import furnish
from siting.sample.noding import build_graph
from siting.sample.pbf import Drawing, draw, write
from siting.sample.settle import settle
from siting.sample.streets import carriageways

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["sample_city", "sample_version", "write_sample"]


def write_sample(city: str, path: Path, *, districts: tuple[str, ...] = (), seed: int = 0) -> Path:
    """
    Write a sample city as an OSM PBF.

    District boundaries and people are real; roads and facilities are invented, and the file's
    `generator` says so. The same city, districts and seed give the same bytes.

    Parameters
    ----------
    city, districts
        As `siting.districts.districts_of`.
    path
        File to write, `.osm.pbf`.
    seed
        Another seed gives another city on the same districts.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    InputError
        When the city isn't known or boundaries aren't installed.
    OutputError
        When the file can't be written.
    """
    drawing = sample_city(districts_of(city, districts), seed=seed)
    with replacing(Path(path)) as part:
        write(drawing, part)
    return Path(path)


def sample_city(districts: gpd.GeoDataFrame, *, seed: int = 0) -> Drawing:
    """
    Return an invented city on real districts.

    Parameters
    ----------
    districts
        As `siting.districts.districts_of` returns them.
    seed
        Source of chance.

    Returns
    -------
    Drawing
        OSM nodes and ways with their tags.
    """
    west, south, east, north = districts.total_bounds
    crs = CRS.from_proj4(
        f"+proj=tmerc +lat_0={(south + north) / 2:.2f} +lon_0={(west + east) / 2:.2f}"
        " +ellps=WGS84 +units=m"
    )
    shapes = tuple(districts.to_crs(crs).geometry.to_numpy())
    rng = np.random.default_rng(seed)
    settled = settle(districts, shapes, rng)
    composition = compose(settled, rng)
    drawn = carriageways(composition.streets)
    graph = build_graph(composition.streets, drawn, composition.passes)
    xy, at, ways = draw(graph, composition.streets, drawn)
    extra = furnish(settled, composition, graph, drawn, at, rng)
    spots = np.array([place for place, _ in extra.points]).reshape(-1, 2)
    tags = dict(extra.on_road)
    tags.update({len(xy) + k: own for k, (_, own) in enumerate(extra.points)})
    points = [xy, spots]
    number = len(xy) + len(spots)
    for ring, own in extra.areas:
        corners = number + np.arange(len(ring))
        ways.append((np.append(corners, number), own))
        points.append(ring)
        number += len(ring)
    to_degrees = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform(*np.vstack(points).T)
    return Drawing(np.round(np.column_stack([lon, lat]), 7), tags, ways)


@cache
def sample_version() -> str:
    """Return a short text that changes with this package, the census and the boundaries."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    digest.update(district_table().to_csv().encode())
    digest.update(boundary_version().encode())
    return digest.hexdigest()[:12]
