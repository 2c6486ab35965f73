"""People by the floors of mapped housing, and by streets where housing isn't mapped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from siting.datum import lonlat_to_metric
from siting.inputs.tables import area_m2
from siting.said import Said

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt
    from pyproj import CRS

    from siting.model.demand import Housing

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

HECTARE_M2 = 1e4
"""m2 of floor in a hectare, in which the notes speak."""


@dataclass(frozen=True, slots=True)
class Homes:
    """
    Buildings that people live in.

    Attributes
    ----------
    xy
        Their middles in metres, shape (n, 2).
    floor_m2
        Floor of the homes in each, > 0, shape (n,).
    """

    xy: npt.NDArray[np.float64]
    floor_m2: npt.NDArray[np.float64]


def homes_of(buildings: gpd.GeoDataFrame | None, crs: CRS, settings: Housing | None) -> Homes:
    """
    Find the homes of a map.

    Parameters
    ----------
    buildings
        As `CityMap.buildings`; None: none.
    crs
        Metric CRS of the coordinates.
    settings
        Storeys where the map gives neither storeys nor height, and how much of a building is taken
        for homes where the map doesn't say what it is for; None: buildings don't count.

    Returns
    -------
    Homes
        Footprint times storeys of each house and block of flats, and a share of it of a building
        that doesn't say what it is for.
    """
    if buildings is None or settings is None or not len(buildings):
        return Homes(np.empty((0, 2)), np.empty(0))
    use = buildings["use"]
    usual = {
        "house": settings.house_levels.value,
        "flats": settings.flats_levels.value,
        "unknown": settings.unmarked_levels.value,
    }
    share = {"house": 1.0, "flats": 1.0, "unknown": settings.unmarked_share.value}
    by_height = np.maximum(1.0, np.round(buildings["height_m"] / settings.storey_m.value))
    levels = buildings["levels"].fillna(by_height).fillna(use.map(usual))
    shapes = buildings.geometry.to_numpy()
    floor = area_m2(shapes) * (levels * use.map(share)).fillna(0.0).to_numpy(dtype=float)
    lived = floor > 0
    lonlat = shapely.get_coordinates(shapely.centroid(shapes[lived]))
    return Homes(lonlat_to_metric(lonlat[:, 0], lonlat[:, 1], crs), floor[lived])


def housed(
    district: Ints, weight: Floats, floor_m2: Floats, people: Floats, floor_m2_per_person: float
) -> tuple[Floats, Floats]:
    """
    Weigh pieces of land by mapped homes as far as these hold the people, else as before.

    Every piece first gets as many people as its mapped homes hold. Who doesn't fit into mapped
    homes goes where these fall short of what `weight` says, in proportion to the shortfall. So a
    few mapped houses take a few people, a district mapped in full follows its homes alone, and
    between the two a house more on the map never moves more people than it holds.

    Parameters
    ----------
    district
        District of each piece, shape (n,).
    weight
        Weight of each piece without homes (streets and land use), >= 0, shape (n,).
    floor_m2
        Floor of mapped homes in each, >= 0, shape (n,).
    people
        People of each district, shape (d,).
    floor_m2_per_person
        Floor that one person takes.

    Returns
    -------
    lived
        Weights, shape (n,); where a district has homes or weights they sum to its people, and
        those of a district without mapped homes are `weight` itself.
    held
        People of each district that live in mapped homes, shape (d,).
    """
    count = len(people)
    total = np.bincount(district, weights=weight, minlength=count)
    rate = np.divide(people, total, out=np.zeros(count), where=total > 0)
    homes = floor_m2 / floor_m2_per_person
    room = np.bincount(district, weights=homes, minlength=count)
    short = np.maximum(weight * rate[district] - homes, 0.0)
    lacking = np.bincount(district, weights=short, minlength=count)
    # Without streets to fall back on, homes take everyone; with room to spare all thin out alike.
    full = (room >= people) | (lacking <= 0)
    fill = np.divide(people, room, out=np.zeros(count), where=full & (room > 0))
    fill = np.where(full, fill, 1.0)
    spare = np.where(full, 0.0, people - room)
    rest = np.divide(spare, lacking, out=np.zeros(count), where=lacking > 0)
    lived = homes * fill[district] + short * rest[district]
    bare = room <= 0
    return np.where(bare[district], weight, lived), np.where(
        bare, 0.0, np.minimum(room * fill, people)
    )


def housing_note(buildings: int | None, homes: Homes, held: Floats, people: Floats) -> Said:
    """
    Say what people were spread by where no source counts them, one sentence.

    Parameters
    ----------
    buildings
        Buildings of the map, None where they weren't read.
    homes
        Those taken for homes within the districts that no source counts.
    held, people
        People in mapped homes and in all, of those districts, shape (d,).
    """
    if not len(homes.floor_m2):
        unread = buildings is None
        zh, en = (
            ("未读取建筑", "buildings weren't read")
            if unread
            else ("当地没有已知住宅", "no homes are known there")
        )
        return Said(
            f"各区县人口按街道与用地分布（{zh}），总数与普查一致",
            f"people are spread within each district by streets and land use ({en}), to the census "
            "exactly",
        )
    share = float(held.sum()) / max(float(people.sum()), 1e-9)
    hectares = float(homes.floor_m2.sum()) / HECTARE_M2
    zh = (
        f"人口按 {len(homes.floor_m2):,} 栋视为住宅的建筑（建筑面积 {hectares:,.1f} 公顷）分布，"
        f"可容纳 {share:.0%} 的人口"
    )
    en = (
        f"people are spread by {len(homes.floor_m2):,} buildings taken for homes, "
        f"{hectares:,.1f} hectares of floor, as far as these hold them ({share:.0%} of the people)"
    )
    if share < 1 - 1e-9:
        zh, en = f"{zh}；其余按街道与用地分布", f"{en}; the others by streets and land use"
    return Said(f"{zh}，总数与普查一致", f"{en}, to the census exactly")
