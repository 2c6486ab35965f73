"""Exports as a DXF drawing for CAD: a CAD layer for each layer, places with their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from siting.errors import InputError
from siting.store.styles import LOOKS
from siting.text import clip

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd

    from siting.export.files import Pack

NAMED = (
    *("stations", "hydrogen", "rsus", "edge_nodes", "places", "substations"),
    "test_road_catalogue",
)
"""Layers whose items carry their name as text."""
TEXT_M = 30.0
"""Height of a name on the ground, metres."""
_METRES_PER_DEGREE = 111_320.0
_FONT = "simsun.ttc"


def write_dxf(pack: Pack, path: Path) -> None:
    """
    Write the layers as points, polylines and text in a DXF of AutoCAD 2010.

    Raises
    ------
    InputError
        The optional ezdxf isn't installed.
    """
    try:
        import ezdxf  # noqa: PLC0415
    except ImportError as error:
        raise InputError(
            "DXF needs a package that isn't installed",
            value="ezdxf",
            cure="Install siting with its extra `gis`: pip install 'siting[gis]'",
        ) from error
    drawing = ezdxf.new("R2010", setup=True)  # type: ignore[attr-defined]
    drawing.styles.add("names", font=_FONT)
    drawing.header["$PDMODE"] = 33
    drawing.header["$INSUNITS"] = 0 if pack.degrees else 6
    drawing.header.custom_vars.append("Source", pack.text)
    space = drawing.modelspace()
    height = TEXT_M / _METRES_PER_DEGREE if pack.degrees else TEXT_M
    for name, frame in pack.layers.items():
        look = LOOKS.get(name)
        color = look.color if look else "#57606a"
        layer = drawing.layers.add(name)
        layer.rgb = (int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16))
        _draw(space, frame, name, height)
    drawing.saveas(path)


def _draw(space: Any, frame: gpd.GeoDataFrame, layer: str, height: float) -> None:  # noqa: ANN401
    shapes = frame.geometry.to_numpy()
    points = shapely.get_type_id(shapes) == shapely.GeometryType.POINT
    at = {"layer": layer}
    for xy in shapely.get_coordinates(shapes[points]):
        space.add_point(xy, dxfattribs=at)
    for line in _lines(shapes[~points]):
        space.add_lwpolyline(shapely.get_coordinates(line), dxfattribs=at)
    if layer not in NAMED:
        return
    where = shapely.get_coordinates(shapely.point_on_surface(shapes))
    named = "name" if "name" in frame.columns else "road" if "road" in frame.columns else ""
    for text, xy in zip(frame[named] if named else [], where, strict=False):
        if text:
            style = {**at, "style": "names", "insert": xy + height / 2}
            space.add_text(clip(str(text)), height=height, dxfattribs=style)


def _lines(shapes: np.ndarray[Any, np.dtype[np.object_]]) -> np.ndarray[Any, np.dtype[np.object_]]:
    """Return the lines of lines and the rings of areas."""
    parts = shapely.get_parts(shapes)
    areas = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    return np.concatenate([parts[~areas], shapely.get_rings(parts[areas])])
