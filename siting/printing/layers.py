"""Draw the layers of a plan on the map of a sheet, the ground first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from siting.datum import geometry_to_metric

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt
    from pyproj import CRS

    from siting.plan import Plan
    from siting.printing.canvas import Canvas
    from siting.printing.layout import Layout

    Geometries = npt.NDArray[np.object_]

TINTS = ("#f6f1e4", "#eef3ea", "#f4ece9", "#eaf0f4", "#f3f0f6")
BORDER, OUTSIDE, HALO = "#7d7396", "#fbfbfa", "#ffffff"
NEW, KEPT, FUEL, NODE = "#0f766e", "#475360", "#0a5fb4", "#3d2c8d"
LEVELS = ("#2a9d8f", "#d97f16", "#b3123f")
ZONE, DISC = "#1a8a70", "#2a9d8f"
PHASES = ("#5f6b78", "#b3123f", "#e0701a", "#d9a514", "#5f9e3f", "#2a7f9e")


@dataclass(frozen=True, slots=True)
class RoadLook:
    """How a class of road is drawn: widths in mm of an A3 sheet, and the finest scale it needs."""

    classes: tuple[str, ...]
    fill: str
    edge: str
    width: float
    casing: float
    largest: int


ROADS = {
    "service": RoadLook(("service",), "#e2dfd8", "", 0.10, 0.0, 15_000),
    "minor": RoadLook(
        ("unclassified", "residential", "living_street"), "#dad6cd", "", 0.12, 0.0, 60_000
    ),
    "tertiary": RoadLook(("tertiary", "tertiary_link"), "#cfcabf", "", 0.16, 0.0, 300_000),
    "secondary": RoadLook(("secondary", "secondary_link"), "#bdb6a6", "", 0.24, 0.0, 750_000),
    "primary": RoadLook(("primary", "primary_link"), "#f3dc9c", "#b39a55", 0.42, 0.66, 3_000_000),
    "trunk": RoadLook(("trunk", "trunk_link"), "#f0bd74", "#b07a35", 0.52, 0.80, 10**9),
    "motorway": RoadLook(("motorway", "motorway_link"), "#e58f4a", "#9c5520", 0.62, 0.94, 10**9),
}
"""Classes from fine to coarse, in the order in which they are drawn."""


@dataclass(frozen=True, slots=True)
class Ground:
    """
    A plan's layers in the metres of the sheet.

    Attributes
    ----------
    plan
        The plan.
    crs
        The metric CRS.
    inside
        Which districts the sheet is about, shape (districts,).
    """

    plan: Plan
    crs: CRS
    inside: npt.NDArray[np.bool_]

    def metric(self, frame: gpd.GeoDataFrame) -> Geometries:
        """Return the geometry of a layer in metres."""
        return geometry_to_metric(frame.geometry.to_numpy(), self.crs)


def area_mm(layout: Layout, ground: Ground) -> Any:  # noqa: ANN401
    """Return the area of the sheet's districts in mm from the sheet's top left."""
    west, south, _, _ = layout.extent
    frame, to_mm = layout.frame, 1000.0 / layout.scale
    area = shapely.union_all(ground.metric(ground.plan.districts)[ground.inside])
    return shapely.transform(
        shapely.simplify(area, layout.scale / 2000),
        lambda xy: np.column_stack(
            [frame.left + (xy[:, 0] - west) * to_mm, frame.bottom - (xy[:, 1] - south) * to_mm]
        ),
    )


def draw_layers(canvas: Canvas, ground: Ground) -> None:
    """Draw everything of a plan that a sheet of its scale can hold."""
    _districts(canvas, ground)
    _coverage(canvas, ground)
    _roads(canvas, ground)
    _borders(canvas, ground)
    _test_roads(canvas, ground)
    _roadside(canvas, ground)
    _stations(canvas, ground)
    _hydrogen(canvas, ground)


def tints(areas: Geometries) -> npt.NDArray[np.int64]:
    """Colour areas so that neighbours differ, in their order; shape (n,)."""
    tree = shapely.STRtree(areas)
    one, other = tree.query(areas, predicate="intersects")
    chosen = np.full(len(areas), -1, dtype=np.int64)
    for row in range(len(areas)):
        near = chosen[other[(one == row) & (other != row)]]
        free = [k for k in range(len(TINTS)) if k not in near]
        chosen[row] = free[0] if free else row % len(TINTS)
    return chosen


def _path(shapes: Geometries) -> Any:  # noqa: ANN401
    """Join lines or rings into one compound path."""
    from matplotlib.path import Path  # noqa: PLC0415

    xy, owner = shapely.get_coordinates(shapes, return_index=True)
    if not len(xy):
        return Path(np.zeros((0, 2)))
    codes = np.full(len(xy), Path.LINETO, dtype=np.uint8)
    codes[np.flatnonzero(np.diff(owner, prepend=-1))] = Path.MOVETO
    return Path(np.round(xy, 1), codes)


def fill_areas(canvas: Canvas, areas: Geometries, z: float, **style: Any) -> None:  # noqa: ANN401
    """Fill (Multi)Polygons with their holes as one patch."""
    from matplotlib.patches import PathPatch  # noqa: PLC0415

    rings = shapely.get_rings(shapely.get_parts(areas))
    canvas.chart.add_patch(PathPatch(_path(rings), zorder=z, **{"linewidth": 0, **style}))


def stroke(canvas: Canvas, lines: Geometries, z: float, mm: float, color: str, **more: Any) -> None:  # noqa: ANN401
    """Draw (Multi)LineStrings or the borders of areas as one path, so many mm wide."""
    from matplotlib.patches import PathPatch  # noqa: PLC0415

    parts = shapely.get_parts(lines)
    areas = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    parts = np.concatenate([parts[~areas], shapely.get_rings(parts[areas])])
    style = {"capstyle": "round", "joinstyle": "round", **more}
    canvas.chart.add_patch(
        PathPatch(
            _path(parts),
            fill=False,
            edgecolor=color,
            zorder=z,
            linewidth=canvas.points(mm),
            **style,
        )
    )


def dots(canvas: Canvas, points: Geometries, z: float, mm: Any, **style: Any) -> None:  # noqa: ANN401
    """Draw points as marks of a diameter in mm, one or one each."""
    xy = shapely.get_coordinates(points)
    if len(xy):
        size = np.square(np.asarray(mm, dtype=float) * canvas.points(1.0))
        canvas.chart.scatter(xy[:, 0], xy[:, 1], s=size, zorder=z, **{"linewidths": 0, **style})


def _districts(canvas: Canvas, ground: Ground) -> None:
    areas = ground.metric(ground.plan.districts)
    chosen = tints(areas)
    for number, tint in enumerate(TINTS):
        some = areas[(chosen == number) & ground.inside]
        if len(some):
            fill_areas(canvas, some, 1, facecolor=tint)


def _borders(canvas: Canvas, ground: Ground) -> None:
    areas = ground.metric(ground.plan.districts)
    lines = shapely.boundary(areas)
    stroke(canvas, lines, 3.0, 1.5, BORDER, alpha=0.16)
    stroke(canvas, lines, 3.1, 0.28, BORDER, linestyle=(0, (7, 2.2, 1.2, 2.2)), capstyle="butt")
    outline = shapely.boundary(shapely.union_all(areas[ground.inside]))
    stroke(canvas, np.array([outline]), 3.2, 0.5, BORDER)


def _coverage(canvas: Canvas, ground: Ground) -> None:
    """Fill the built cells, and the union of the discs of the equipped sites."""
    plan = ground.plan
    if len(plan.zones):
        built = ground.metric(plan.zones[plan.zones["built"].astype(bool)])
        fill_areas(canvas, built, 1.6, facecolor=ZONE, alpha=0.20)
    if len(plan.rsus):
        radius = plan.rsus["radius_m"].to_numpy(dtype=float)
        union = shapely.union_all(shapely.buffer(ground.metric(plan.rsus), radius))
        fill_areas(canvas, np.array([union]), 1.7, facecolor=DISC, alpha=0.16)


def shown_roads(scale: int) -> dict[str, RoadLook]:
    """Return the classes that a scale can hold, from fine to coarse."""
    return {name: look for name, look in ROADS.items() if scale <= look.largest}


def _roads(canvas: Canvas, ground: Ground) -> None:
    plan, scale = ground.plan, canvas.layout.scale
    frame = shapely.box(*canvas.layout.extent)
    for order, (_, look) in enumerate(shown_roads(scale).items()):
        some = plan.roads[plan.roads["highway"].isin(look.classes)]
        lines = ground.metric(some)
        lines = lines[shapely.intersects(lines, frame)]
        if not len(lines):
            continue
        merged = shapely.line_merge(shapely.multilinestrings(shapely.get_parts(lines)))
        # A tenth of a millimetre on the paper.
        drawn = np.array([shapely.simplify(merged, scale / 1e4, preserve_topology=False)])
        if look.edge:
            stroke(canvas, drawn, 2.0 + order / 20, look.casing, look.edge)
        stroke(canvas, drawn, 2.5 + order / 20, look.width, look.fill)


def phase_names(plan: Plan) -> dict[int, str]:
    """Return the phases of the test roads with their names, in order."""
    frame = plan.test_road_catalogue
    if not len(frame):
        return {}
    first = frame.drop_duplicates("phase").sort_values("phase")
    return {int(k): str(name) for k, name in zip(first["phase"], first["phase_name"], strict=True)}


def phase_color(phase: int) -> str:
    """Return the colour of a phase, that of the map page."""
    return PHASES[min(phase, len(PHASES) - 1)]


def _test_roads(canvas: Canvas, ground: Ground) -> None:
    frame = ground.plan.test_road_catalogue
    if not len(frame):
        return
    lines = ground.metric(frame)
    stroke(canvas, lines, 4.0, 1.35, HALO)
    for phase in reversed(phase_names(ground.plan)):
        some = lines[(frame["phase"] == phase).to_numpy()]
        stroke(canvas, some, 4.1, 0.85, phase_color(phase))


def _roadside(canvas: Canvas, ground: Ground) -> None:
    plan = ground.plan
    if len(plan.rsus):
        points = ground.metric(plan.rsus)
        for number, level in enumerate(("rsu", "sensing", "full")):
            some = points[(plan.rsus["level"] == level).to_numpy()]
            size = (0.9 + 0.25 * number) * canvas.layout.mark
            dots(canvas, some, 5.0 + number / 10, size, color=LEVELS[number], edgecolors=HALO,
                 linewidths=canvas.points(0.08))  # fmt: skip
    if len(plan.edge_nodes):
        size, edge = 1.1 * canvas.layout.mark, canvas.points(0.1)
        dots(canvas, ground.metric(plan.edge_nodes), 5.5, size, color=NODE, marker="s",
             edgecolors=HALO, linewidths=edge)  # fmt: skip


def station_mm(piles: Any, mark: float) -> npt.NDArray[np.float64]:  # noqa: ANN401
    """Return the diameter of stations by piles: the area is in proportion, a speck at least."""
    size = 0.36 * mark * np.sqrt(np.asarray(piles, dtype=float))
    return np.asarray(np.maximum(0.9, size), dtype=np.float64)


def _stations(canvas: Canvas, ground: Ground) -> None:
    frame = ground.plan.stations
    if not len(frame):
        return
    points = ground.metric(frame)
    order = np.argsort(-frame["piles"].to_numpy(), kind="stable")
    size = station_mm(frame["piles"], canvas.layout.mark)[order]
    kept = (frame["status"] == "kept").to_numpy()[order]
    edge = canvas.points(0.14)
    dots(canvas, points[order][~kept], 6, size[~kept], color=NEW, alpha=0.92, edgecolors=HALO,
         linewidths=edge)  # fmt: skip
    dots(canvas, points[order][kept], 6.2, size[kept], facecolors=HALO, edgecolors=KEPT,
         linewidths=canvas.points(0.34))  # fmt: skip


def _hydrogen(canvas: Canvas, ground: Ground) -> None:
    frame = ground.plan.hydrogen
    if not len(frame):
        return
    points = ground.metric(frame)
    dots(canvas, points, 7, 4.4 * canvas.layout.mark, color=FUEL, marker="D", edgecolors=HALO,
         linewidths=canvas.points(0.3))  # fmt: skip
    size = canvas.points(2.2 * canvas.layout.mark)
    for x, y in shapely.get_coordinates(points):
        canvas.chart.text(
            x, y, "H", fontsize=size, color=HALO, weight="bold", ha="center",
            va="center_baseline", zorder=7.1, clip_on=True,
        )  # fmt: skip
