"""The buildings of a city: when the map's are worth reading, and a layer of the city's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from siting.datum import from_wgs84, geometry_to_wgs84
from siting.datum.shifts import moved
from siting.errors import InputError
from siting.inputs import buildingtags, tables
from siting.model.roadside import MEASURES

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt

    from siting.frames import Roads
    from siting.model.model import Model
    from siting.model.sources import Source

    Objects = npt.NDArray[np.object_]

A_ROAD = 16
"""Places taken along each road."""
MOST_SPOTS = 20_000
"""Places that are held against buildings."""
LEAST_SPOTS = 200
"""With fewer places among the buildings nothing is said."""
IN_WALLS = 0.05
"""
Share of these places within buildings from which a layer is in doubt. Planner's own: of the roads
of Nanshan in OSM 0.7 % lie in buildings that are drawn there, 9 to 10 % when those are shifted.
"""
FAR_FEWER = 0.33
"""A shift is named that leaves no more than this part of them there. Planner's own."""


def map_buildings_wanted(model: Model) -> bool:
    """
    Tell whether the buildings of the road file are of use to a model.

    Parameters
    ----------
    model
        Roadside units look past buildings; people are spread by them where no source counts people.
    """
    sources = model.sources
    roadside = any(target.measure in MEASURES for target in model.targets)
    housed = model.demand.housing is not None and not sources.demand.is_file
    return sources.buildings.file == "osm" and (roadside or housed)


def buildings_of(layer: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """
    Turn a layer of buildings into those of a map.

    Parameters
    ----------
    layer
        As `siting.sources.read_layer` gives `buildings`.

    Returns
    -------
    buildings
        As `CityMap.buildings`, ids `building/<id>`; storeys and heights of 0 are unknown.
    """
    levels, height = (layer[name].to_numpy(dtype=float) for name in ("levels", "height_m"))
    return tables.make_buildings(
        [f"building/{name}" for name in layer["building_id"].astype(str)],
        [buildingtags.use_of_word(word) for word in layer["use"].astype(str)],
        np.where(levels > 0, levels, np.nan).tolist(),
        np.where(height > 0, height, np.nan).tolist(),
        layer.geometry.tolist(),
    )


def refuse_shifted_buildings(buildings: gpd.GeoDataFrame, roads: Roads, spec: Source) -> None:
    """
    Refuse buildings that roads run through, and no longer do after a Chinese map shift.

    Lines and polygons of other layers are told by how they lie on the roads; buildings stand beside
    them, wherever they stand rightly.

    Parameters
    ----------
    buildings
        WGS-84 by what the model says.
    roads
        The roads of the map.
    spec
        What the model says of the layer.

    Raises
    ------
    InputError
        Names the datum that fits and the line that fixes it.
    """
    shapes = buildings.geometry.to_numpy()
    spots = _spots(roads, shapes)
    if len(spots) < LEAST_SPOTS:
        return
    stated = {"cgcs2000": "wgs84"}.get(spec.datum, spec.datum)
    inside = _share_inside(shapes, spots)
    if inside < IN_WALLS:
        return
    raw = moved(shapes, lambda xy: np.column_stack(from_wgs84(xy[:, 0], xy[:, 1], stated)))
    for datum in ("wgs84", "gcj02", "bd09"):
        if datum == stated:
            continue
        after = _share_inside(geometry_to_wgs84(raw, datum), spots)
        if after <= FAR_FEWER * inside:
            raise InputError(
                f"the buildings look like {datum.upper()}, not {stated.upper()}",
                where=spec.file,
                value=f"{inside:.0%} of the road among them lies inside one; "
                f"{after:.0%} if they are {datum.upper()}",
                cure=spec.fix("datum", datum),
            )


def _spots(roads: Roads, shapes: Objects) -> npt.NDArray[np.object_]:
    """Places along open roads among the buildings, evenly taken."""
    frame = roads.frame
    above = ~(frame["bridge"] | frame["tunnel"]).to_numpy(dtype=bool)
    lines = np.repeat(frame.geometry.to_numpy()[above], A_ROAD)
    share = np.tile((np.arange(A_ROAD) + 0.5) / A_ROAD, int(above.sum()))
    xy = shapely.get_coordinates(shapely.line_interpolate_point(lines, share, normalized=True))
    west, south, east, north = shapely.total_bounds(shapes)
    near = (xy[:, 0] > west) & (xy[:, 0] < east) & (xy[:, 1] > south) & (xy[:, 1] < north)
    xy = xy[near]
    step = max(1, -(-len(xy) // MOST_SPOTS))
    return np.asarray(shapely.points(xy[::step]), dtype=object)


def _share_inside(shapes: Objects, spots: Objects) -> float:
    """Share of the places that lie within a building."""
    row = shapely.STRtree(shapes).query(spots, predicate="within")[0]
    return len(np.unique(row)) / len(spots)
