# ruff: noqa: PLR2004  (metres and shares of a drawing, plain where they stand)
"""All streets of the sample city put together, from the settlement outwards."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import shapely

from siting.sample.blocks import CLASSES, Chain, Plat, chains, subdivide
from siting.sample.corridors import corridors, cut_to_ring
from siting.sample.express import drawn_expressways
from siting.sample.field import make_field, streamline
from siting.sample.local import local_streets
from siting.sample.names import street_name
from siting.sample.ramps import crossings, diamonds
from siting.sample.region import Gate, regional_roads, village_roads, village_streets
from siting.sample.services import service_areas
from siting.sample.streets import LINK, NEAR, POINT, TEE, Street, offset, unit
from siting.sample.urban import interchanges

if TYPE_CHECKING:
    import numpy.typing as npt
    from shapely.geometry.base import BaseGeometry

    from siting.sample.express import Service
    from siting.sample.field import Field
    from siting.sample.settle import Place, Settlement

    Floats = npt.NDArray[np.float64]

CORRIDOR_M = 45.0
"""From an expressway's centreline to the frontage road beside it."""

DUAL = {
    "trunk": (1.0, 27.0),
    "primary": (0.97, 22.0),
    "secondary": (0.57, 18.0),
    "tertiary": (0.11, 15.0),
}
"""Share of streets with two carriageways, and the metres between (Jinan: 99, 97, 57, 11 %)."""

TOWN_DUAL = 0.35
"""Factor on those shares outside the core."""

THROUGH_KM2 = 100.0
"""A core from this size has a ring and an expressway through it."""

_GATE_M = 300.0
_TOWN_GATE_M = 30.0
_FAR_M = 1e6


@dataclass(frozen=True, slots=True)
class Town:
    """The streets of one built-up area, its gates to the land around, and its blocks."""

    streets: list[Street]
    gates: list[Gate]
    blocks: list[shapely.Polygon]


@dataclass(frozen=True, slots=True)
class Composition:
    """
    Everything drawn.

    Streets, service areas and toll booths, blocks by place, and the keys of streets that cross on
    two levels (over, under).
    """

    streets: list[Street]
    services: list[Service]
    blocks: list[tuple[int, shapely.Polygon]]
    passes: list[tuple[int, int]]


def compose(settled: Settlement, rng: np.random.Generator) -> Composition:
    """Return all streets of a settlement."""
    direction = make_field(rng, rng.normal(0.0, 0.06))
    core = next((p for p in settled.places if p.kind == "core"), None)
    ring = through = None
    if core is not None and core.outline.area / 1e6 >= THROUGH_KM2:
        ring = shapely.get_coordinates(core.outline.exterior)
        through = _through(core, direction, rng)
    towns = [_town(n, p, direction, rng, ring, through) for n, p in enumerate(settled.places)]
    gates = [gate for town in towns for gate in town.gates]
    roads, used = regional_roads(settled, gates, rng)
    streets = _city_streets(towns, gates, used)
    roads = [replace(r, name=street_name(r.highway, rng)) for r in roads]
    streets += roads
    streets = [replace(s, key=k) for k, s in enumerate(streets)]
    ramps, services = _expressways(settled, streets, (ring, through), rng)
    area = _ground(core)
    inside = (shapely.intersection(shapely.LineString(r.line), area) for r in ramps)
    built = sum(part.length for r, part in zip(ramps, inside, strict=True) if r.level == LINK)
    streets, leaves, passes = interchanges(streets, area, built, rng)
    ramps += leaves
    land = village_roads(settled, roads, rng) + village_streets(settled, rng)
    blocks = [(n, b) for n, town in enumerate(towns) for b in town.blocks]
    ground = _free_of_ramps([s for _, b in blocks for s in local_streets(b, rng)], ramps)
    return Composition(streets + ground + land + ramps, services, blocks, passes)


def _through(core: Place, direction: Field, rng: np.random.Generator) -> Floats | None:
    """Return the line of the expressway through the core, from rim to rim, off its middle."""
    turn = 0.0 if rng.random() < 0.5 else math.pi / 2
    theta = direction.angle(*core.xy) + turn
    aside = np.array([-math.sin(theta), math.cos(theta)])
    radius = math.sqrt(core.outline.area / math.pi)
    side = 1.0 if rng.random() < 0.5 else -1.0
    seed = np.array(core.xy) + side * 0.30 * radius * aside
    line = streamline(direction, (float(seed[0]), float(seed[1])), turn, 3 * radius, 200.0)
    parts = shapely.get_parts(shapely.intersection(shapely.linestrings(line), core.outline))
    here = shapely.points(seed)
    return shapely.get_coordinates(parts[shapely.distance(parts, here).argmin()])


def _town(
    number: int,
    place: Place,
    direction: Field,
    rng: np.random.Generator,
    ring: Floats | None,
    through: Floats | None,
) -> Town:
    """Return the streets of a built-up area from its outline inwards."""
    plat = Plat()
    core = place.kind == "core"
    barrier = None
    own = direction if core else make_field(rng, rng.normal(0.0, 0.18))
    blocks = [place.outline]
    if core and ring is not None and through is not None:
        barrier = shapely.union_all([shapely.LineString(ring), shapely.LineString(through)])
        blocks = _halves(place.outline, through)
        plat.barrier = shapely.LineString(through)
    fine = {"core": 1.0, "seat": 0.9, "town": 0.7}[place.kind]
    subdivide(blocks, own, rng, plat, fine)
    streets: list[Street] = []
    gates: list[Gate] = []
    rim = place.outline.exterior
    for chain in chains(plat):
        street = _dressed(chain, rng, core=core)
        street = _at_barrier(street, chain, rim, barrier, through)
        for end in (0, -1):
            if rim.distance(shapely.Point(chain.line[end])) < 1.0 and not chain.crossed[end]:
                gate = _gate(number, chain, end, len(streets), core=ring is not None and core)
                if gate is not None:
                    gates.append(gate)
        streets.append(street)
    leaves = plat.leaves
    if barrier is not None:
        zone = shapely.buffer(barrier, CORRIDOR_M)
        leaves = [p for leaf in leaves for p in _polygons(shapely.difference(leaf, zone))]
    if not gates:
        streets, gates = _main_street(number, place, own, rng)
        leaves = [place.outline]
    streets += _rims(place, ring if core else None, through if core else None, rng)
    return Town(streets, gates, leaves)


def _halves(outline: shapely.Polygon, through: Floats) -> list[shapely.Polygon]:
    out = [unit(through[0] - through[1]) * 5.0, unit(through[-1] - through[-2]) * 5.0]
    blade = np.vstack([through[0] + out[0], through, through[-1] + out[1]])
    cells = shapely.polygonize([shapely.union_all([outline.exterior, shapely.LineString(blade)])])
    parts = shapely.get_parts(cells)
    inside = shapely.contains(outline, shapely.point_on_surface(parts))
    return [p for p in parts[inside] if p.area > 1e4]


def _polygons(shape: BaseGeometry) -> list[shapely.Polygon]:
    parts = shapely.get_parts(shape)
    return [p for p in parts if p.geom_type == "Polygon" and p.area > 4e3]


def _dressed(chain: Chain, rng: np.random.Generator, *, core: bool) -> Street:
    highway = CLASSES[chain.level]
    share, width = DUAL[highway]
    dual = rng.random() < share * (1.0 if core else TOWN_DUAL)
    ends = [POINT if crossed else TEE for crossed in chain.crossed]
    if highway == "tertiary":
        ends = [NEAR if e == TEE and rng.random() < 0.3 else e for e in ends]
    return Street(
        chain.line,
        highway,
        street_name(highway, rng),
        width_m=width * rng.uniform(0.85, 1.2) if dual else 0.0,
        start=ends[0],
        end=ends[1],
    )


def _at_barrier(
    street: Street,
    chain: Chain,
    rim: BaseGeometry,
    barrier: BaseGeometry | None,
    through: Floats | None,
) -> Street:
    """Return a street cut back to the frontage road, or led under the expressway, at its ends."""
    if barrier is None:
        return street
    for end in (0, -1):
        if chain.crossed[end]:
            continue
        tip = shapely.Point(chain.line[end])
        if barrier.distance(tip) > 1.0:
            continue
        inner = through is not None and shapely.LineString(through).distance(tip) <= 1.0
        under = inner and chain.level <= 2 and rim.distance(tip) > 200.0
        street = _moved(street, end, CORRIDOR_M if under else -CORRIDOR_M)
    return street


def _moved(street: Street, end: int, by_m: float) -> Street:
    """Return a street made longer or shorter at an end; its carriageways cross what is there."""
    line = street.line if end == -1 else street.line[::-1]
    if by_m >= 0:
        line = np.vstack([line, line[-1] + by_m * unit(line[-1] - line[-2])])
    else:
        shape = shapely.LineString(line)
        cut = shapely.get_coordinates(
            shapely.line_interpolate_point(shape, max(shape.length + by_m, 1.0))
        )
        measure = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
        line = np.vstack([line[measure < shape.length + by_m - 1.0][:], cut])
        if len(line) < 2:
            return street
    if end == -1:
        return replace(street, line=line, end=TEE)
    return replace(street, line=line[::-1], start=TEE)


def _gate(number: int, chain: Chain, end: int, street: int, *, core: bool) -> Gate | None:
    if core and chain.level > 1:
        return None
    tip, inner = (chain.line[0], chain.line[1]) if end == 0 else (chain.line[-1], chain.line[-2])
    ahead = unit(tip - inner)
    return Gate(number, tip + (_GATE_M if core else _TOWN_GATE_M) * ahead, ahead, street * 2 - end)


def _main_street(
    number: int, place: Place, direction: Field, rng: np.random.Generator
) -> tuple[list[Street], list[Gate]]:
    """Return one main street for a place too small to be cut, with a gate at each end."""
    radius = math.sqrt(place.outline.area)
    line = streamline(
        direction, place.xy, 0.0 if rng.random() < 0.5 else math.pi / 2, 2 * radius, 60.0
    )
    parts = shapely.get_parts(shapely.intersection(shapely.linestrings(line), place.outline))
    line = shapely.get_coordinates(parts[shapely.length(parts).argmax()])
    chain = Chain(line, 3, (False, False))
    gates = [_gate(number, chain, end, 0, core=False) for end in (0, -1)]
    return [_dressed(chain, rng, core=False)], [g for g in gates if g is not None]


def _rims(
    place: Place, ring: Floats | None, through: Floats | None, rng: np.random.Generator
) -> list[Street]:
    """Return the road round a place, or the frontage roads along the core's expressways."""
    if ring is None:
        highway = {"core": "secondary", "seat": "tertiary", "town": "unclassified"}[place.kind]
        line = shapely.get_coordinates(place.outline.exterior)
        return [Street(line, highway, street_name(highway, rng), start=POINT, end=POINT)]
    inner = shapely.buffer(place.outline, -CORRIDOR_M)
    lines = [shapely.get_coordinates(p.exterior) for p in _polygons(inner)]
    streets = [Street(line, "tertiary", "绕城辅路", start=POINT, end=POINT) for line in lines]
    if through is not None:
        for side in (CORRIDOR_M, -CORRIDOR_M):
            part = shapely.intersection(shapely.linestrings(offset(through, side)), inner)
            parts = shapely.get_parts(part)
            line = shapely.get_coordinates(parts[shapely.length(parts).argmax()])
            streets.append(Street(line, "tertiary", "高速辅路"))
    return streets


def _city_streets(towns: list[Town], gates: list[Gate], used: set[int]) -> list[Street]:
    """Return the streets of all towns, those with a used gate led out to it."""
    led: dict[tuple[int, int], Gate] = {}
    for number in used:
        led[gates[number].place, gates[number].street] = gates[number]
    streets = []
    for number, town in enumerate(towns):
        for own, street in enumerate(town.streets):
            first, last = led.get((number, own * 2)), led.get((number, own * 2 + 1))
            streets.append(_led_out(street, first, last))
    return streets


def _led_out(street: Street, first: Gate | None, last: Gate | None) -> Street:
    if first is not None:
        street = replace(street, line=np.vstack([first.xy, street.line]), start=POINT)
    if last is not None:
        street = replace(street, line=np.vstack([street.line, last.xy]), end=POINT)
    return street


def _ground(core: Place | None) -> shapely.Polygon:
    """Return the core's outline; without a core a speck that everything is far from."""
    return shapely.Point(-1e9, -1e9).buffer(1.0) if core is None else core.outline


def _expressways(
    settled: Settlement,
    streets: list[Street],
    fixed: tuple[Floats | None, Floats | None],
    rng: np.random.Generator,
) -> tuple[list[Street], list[Service]]:
    core = next((p for p in settled.places if p.kind == "core"), None)
    roads = corridors(settled, *fixed, rng)
    if fixed[0] is not None and core is not None:
        roads = cut_to_ring(roads, core.outline)
    area = _ground(core)
    drawn = crossings(roads)
    services: list[Service] = []
    for road in roads:
        ramps, booths = diamonds(road, streets, area)
        ways, areas = service_areas(road, area)
        drawn += ramps + ways
        services += booths + areas
    return drawn + drawn_expressways(roads, area, rng), services


def _free_of_ramps(local: list[Street], ramps: list[Street]) -> list[Street]:
    """Return local streets that no ramp runs over."""
    links = np.array(
        [shapely.linestrings(r.line) for r in ramps if r.highway.endswith("_link")], dtype=object
    )
    if len(links) == 0 or not local:
        return local
    lines = np.array([shapely.linestrings(s.line) for s in local], dtype=object)
    hit = shapely.STRtree(links).query(lines, predicate="dwithin", distance=15.0)[0]
    free = np.ones(len(local), dtype=bool)
    free[hit] = False
    return [s for s, ok in zip(local, free, strict=True) if ok]
