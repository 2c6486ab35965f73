"""Land that sites can't be on, or only dearer ones: red lines, water, distances from schools."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.datum import geometry_to_lonlat, geometry_to_metric
from siting.errors import InputError
from siting.model.land import PROGRAMMES, SITE_KINDS, Exclusion
from siting.said import Said

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt
    from pyproj import CRS

    Floats = npt.NDArray[np.float64]
    Bools = npt.NDArray[np.bool_]
    Objects = npt.NDArray[np.object_]

CUT, DEARER = "cut", "dearer"
COLUMNS = (
    *("exclusion_id", "name", "kind", "origin", "effect", "margin_m"),
    *("cost_factor", "site_kinds", "programmes", "reason"),
)
"""Columns of `exclusion_frame` besides the geometry."""

CANDIDATES = {
    "charging": Said("处候选站址", "candidate sites"),
    "hydrogen": Said("处加氢站候选地", "places for hydrogen stations"),
    "roadside": Said("处路侧点位", "sites of roadside units"),
    "testroads": Said("段道路", "road sections"),
}
"""What each programme chooses from, as messages call it."""

BOUND = {
    "charging": {"service_area": "服务区", "rest_area": "停车区"},
    "roadside": {"tunnel": "隧道", "bridge": "桥梁", "toll": "收费站"},
}
"""Kinds, with their Chinese, of which clauses ask for a share; the land's aren't counted."""

AREA = 2
"""Dimension of polygons."""

CORNER_SEGMENTS = 32
"""Straight pieces of a quarter circle of a published buffer."""

_SHOWN = 5
_BETWEEN = re.compile(r"[,，、;；]")
_SITES = {kind: kind for kind in SITE_KINDS}


@dataclass(frozen=True, slots=True)
class Land:
    """
    What the land says of some places.

    Attributes
    ----------
    cut
        Row of the exclusion that a site there is cut by, the first of them; -1 for none, shape
        (n,).
    cost_factor
        What opening a site there costs more, the largest of its exclusions; 1 for none, shape (n,).
    """

    cut: npt.NDArray[np.int64]
    cost_factor: npt.NDArray[np.float64]


def exclusion_frame(
    rules: Sequence[Exclusion],
    layer: gpd.GeoDataFrame | None,
    facilities: gpd.GeoDataFrame,
    *,
    where: str = "",
) -> gpd.GeoDataFrame:
    """
    List the land that rules name: polygons of a layer and surroundings of facilities.

    Parameters
    ----------
    rules
        Of the model; none but a layer means that all its polygons cut all sites.
    layer
        Geometries of any kind, EPSG:4326, or None. Columns, all optional: `name`, `kind`, and those
        by which a row differs from its rule: `effect`, `buffer_m`, `cost_factor`, `sites` and
        `programmes` (joined by a space or comma).
    facilities
        `CityMap.facilities`.
    where
        The file of the layer, for messages.

    Returns
    -------
    frame
        EPSG:4326, RangeIndex, the land as drawn (a facility is its point). Columns: `exclusion_id`
        (str), `name`, `kind`, `origin` (`layer` | `map`), `effect` (`cut` | `dearer`), `margin_m`
        (how far beyond the geometry it holds: the buffer, for facilities also their own extent),
        `cost_factor` (1 where it cuts), `site_kinds` (joined by a space, "" for all), `programmes`
        (that it touches, joined by a space), `reason`.

    Raises
    ------
    InputError
        A rule names a kind that the layer doesn't have, or a row has a value that can't be.
    """
    given = (Exclusion(),) if layer is not None and not rules else tuple(rules)
    parts = []
    for rule in given:
        if rule.near:
            parts.append(_around(rule, facilities))
        elif layer is not None:
            parts.append(_polygons(rule, layer, where))
        else:
            raise InputError(
                "a rule on excluded land needs a layer",
                where="exclusions",
                value=rule.kind or "all polygons",
                cure="Give `sources.exclusions`, or say `near:` for facilities of the map",
            )
    if not parts:
        return no_exclusions()
    frame = gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs="EPSG:4326")
    frame["exclusion_id"] = [f"x{number + 1}" for number in range(len(frame))]
    return frame[[*COLUMNS, "geometry"]]


def no_exclusions() -> gpd.GeoDataFrame:
    """Return no excluded land."""
    return gpd.GeoDataFrame({name: [] for name in COLUMNS}, geometry=[], crs="EPSG:4326")


def judge_places(
    exclusions: gpd.GeoDataFrame, xy: Floats, kinds: npt.NDArray[np.object_], crs: CRS
) -> Land:
    """
    Tell what the land says of places.

    Parameters
    ----------
    exclusions
        As `exclusion_frame`.
    xy
        Places in metres of `crs`, shape (n, 2).
    kinds
        Kind of site at each, shape (n,).
    crs
        Metric CRS.
    """
    cut = np.full(len(xy), -1, dtype=np.int64)
    factor = np.ones(len(xy))
    if exclusions.empty or not len(xy):
        return Land(cut, factor)
    shapes = geometry_to_metric(exclusions.geometry.to_numpy(), crs)
    reach = exclusions["margin_m"].to_numpy(dtype=float)
    tree = shapely.STRtree(np.asarray(shapely.points(xy)))
    row, place = tree.query(shapes, predicate="dwithin", distance=reach)
    holds = kinds_hold(exclusions["site_kinds"].to_numpy(dtype=object), row, kinds[place])
    row, place = row[holds], place[holds]
    cuts = exclusions["effect"].to_numpy(dtype=object)[row] == CUT
    first = np.full(len(xy), len(exclusions), dtype=np.int64)
    np.minimum.at(first, place[cuts], row[cuts])
    dearer = exclusions["cost_factor"].to_numpy(dtype=float)[row[~cuts]]
    np.maximum.at(factor, place[~cuts], dearer)
    return Land(np.where(first < len(exclusions), first, -1), factor)


def kinds_hold(
    sites: npt.NDArray[np.object_], row: npt.NDArray[np.int64], kinds: npt.NDArray[np.object_]
) -> Bools:
    """
    Tell whether exclusions are ones for kinds of sites.

    Parameters
    ----------
    sites
        Kinds of each exclusion joined by a space, "" for all, shape (exclusions,).
    row
        Exclusion of each pair, shape (n,).
    kinds
        Kind of the site of each pair, shape (n,).
    """
    texts, text = np.unique(sites.astype(str), return_inverse=True)
    known = list(SITE_KINDS)
    table = np.array([[not t or kind in t.split() for kind in known] for t in texts.tolist()])
    column = pd.Index(known).get_indexer(pd.Index(kinds))
    # A kind that no rule can name is held by those for all.
    plain = np.array([not t for t in texts.tolist()])
    code = text[row]
    return np.asarray(np.where(column >= 0, table[code, column], plain[code]), dtype=bool)


def _around(rule: Exclusion, facilities: gpd.GeoDataFrame) -> pd.DataFrame:
    """Surroundings of facilities: beyond their edge, as a circle of their area has it."""
    near = facilities[facilities["kind"].isin(rule.near)]
    area = np.nan_to_num(near["area_m2"].to_numpy(dtype=float))
    names = near["name"].fillna("").astype(str).to_numpy(dtype=object)
    kinds = near["kind"].astype(str).to_numpy(dtype=object)
    called = np.where(names == "", kinds, names)
    reason = np.array([rule.reason or f"{rule.buffer_m.value:g} m of {name}" for name in called])
    return pd.DataFrame(
        {
            "name": names,
            "kind": kinds,
            "origin": "map",
            "effect": rule.effect,
            "margin_m": rule.buffer_m.value + np.sqrt(area / np.pi),
            "cost_factor": rule.cost_factor if rule.effect == DEARER else 1.0,
            "site_kinds": " ".join(rule.sites),
            "programmes": " ".join(rule.programmes),
            "reason": reason,
            "geometry": near.geometry.to_numpy(),
        }
    )


def _polygons(rule: Exclusion, layer: gpd.GeoDataFrame, where: str) -> pd.DataFrame:
    """Rows of the layer that a rule is on, with what they say of their own."""
    kinds = _text(layer, "kind")
    mine = np.ones(len(layer), dtype=np.bool_) if not rule.kind else kinds == rule.kind
    if rule.kind and not mine.any():
        known = ", ".join(sorted({kind for kind in kinds.tolist() if kind})) or "none"
        raise InputError(
            "the layer of excluded land has no such kind",
            where=where or "sources.exclusions",
            value=rule.kind,
            cure=f"It has {known}; map its column by `fields: {{kind: ...}}`",
        )
    own = layer[mine].reset_index(drop=True)
    problems: list[str] = []
    effect = _text(own, "effect")
    effect = np.where(effect == "", rule.effect, effect)
    problems += [f"effect {word}" for word in effect[~np.isin(effect, [CUT, DEARER])].tolist()]
    buffer_m = _number(own, "buffer_m", rule.buffer_m.value, problems)
    factor = _number(own, "cost_factor", rule.cost_factor, problems)
    sites = _listed(own, "sites", rule.sites, _SITES, problems)
    touched = _listed(own, "programmes", rule.programmes, PROGRAMMES, problems)
    low = (effect == DEARER) & ~(factor > 1)
    problems += [f"cost_factor {value:g} of dearer land" for value in factor[low].tolist()]
    if problems:
        raise InputError(
            f"{len(problems):,} values of the excluded land can't be right",
            where=where or "sources.exclusions",
            value="; ".join(dict.fromkeys(problems[:_SHOWN])),
            cure="effect is cut or dearer, dearer needs a cost_factor above 1, "
            "buffer_m is in m, sites are kinds of sites, programmes are "
            f"{', '.join(dict.fromkeys(PROGRAMMES.values()))}",
        )
    flat = (shapely.get_dimensions(own.geometry.to_numpy()) < AREA) & (buffer_m <= 0)
    if flat.any():
        raise InputError(
            "points and lines of excluded land need a distance",
            where=where or "sources.exclusions",
            value=f"{int(flat.sum()):,} of {len(flat):,} without one",
            cure="Give `buffer_m` in the rule or as a column",
        )
    names, kinds = _text(own, "name"), kinds[mine]
    called = np.where(names == "", np.where(kinds == "", "excluded land", kinds), names)
    reason = np.where(rule.reason != "", rule.reason, called)
    return pd.DataFrame(
        {
            "name": names,
            "kind": kinds,
            "origin": "layer",
            "effect": effect,
            "margin_m": buffer_m,
            "cost_factor": np.where(effect == DEARER, factor, 1.0),
            "site_kinds": sites,
            "programmes": touched,
            "reason": reason,
            "geometry": own.geometry.to_numpy(),
        }
    )


def _text(frame: pd.DataFrame, name: str) -> npt.NDArray[np.object_]:
    if name not in frame:
        return np.full(len(frame), "", dtype=object)
    values = frame[name].astype(object)
    return values.where(values.notna(), "").astype(str).str.strip().to_numpy(dtype=object)


def _number(frame: pd.DataFrame, name: str, otherwise: float, problems: list[str]) -> Floats:
    """Return a column as numbers >= 0; where a row says nothing, what its rule says."""
    text = pd.Series(_text(frame, name))
    numbers = pd.to_numeric(text.where(text != ""), errors="coerce").to_numpy(dtype=float)
    bad = (np.isnan(numbers) & (text != "").to_numpy()) | (numbers < 0) | np.isinf(numbers)
    problems += [f"{name} {value}" for value in text[bad].tolist()]
    return np.where(np.isnan(numbers), otherwise, numbers)


def _listed(
    frame: pd.DataFrame,
    name: str,
    otherwise: tuple[str, ...],
    words: Mapping[str, str],
    problems: list[str],
) -> npt.NDArray[np.object_]:
    """Return the words of a column of lists, joined by a space; of its rule where it is empty."""
    own = _text(frame, name)
    each: dict[str, str] = {"": " ".join(otherwise)}
    for text in sorted(set(own.tolist()) - {""}):
        given = _BETWEEN.sub(" ", text).split()
        problems += [f"{name} {word}" for word in given if word not in words]
        ours = " ".join(words.get(word, word) for word in given)
        each[text] = " ".join(dict.fromkeys(ours.split()))
    return np.array([each[text] for text in own.tolist()], dtype=object)


def exclusion_areas(exclusions: gpd.GeoDataFrame, crs: CRS) -> gpd.GeoDataFrame:
    """
    Draw the land with its buffers, for publication.

    Parameters
    ----------
    exclusions
        As `exclusion_frame`.
    crs
        Metric CRS.

    Returns
    -------
    frame
        EPSG:4326 (Multi)Polygons; a buffer's round corners are cut by 0.1 % of its width at most.
    """
    if exclusions.empty:
        return exclusions
    shapes = geometry_to_metric(exclusions.geometry.to_numpy(), crs)
    reach = exclusions["margin_m"].to_numpy(dtype=float)
    wide = shapely.buffer(shapes, reach, quad_segs=CORNER_SEGMENTS)
    areas = geometry_to_lonlat(np.where(reach > 0, wide, shapes), crs)
    return exclusions.set_geometry(gpd.GeoSeries(areas, crs="EPSG:4326"))


def cut_report(dropped: gpd.GeoDataFrame) -> tuple[Said, ...]:
    """
    Say how many candidates the land cut, by programme and reason.

    Parameters
    ----------
    dropped
        As `Plan.dropped`.
    """
    cut = dropped[dropped["exclusion_id"] != ""] if len(dropped) else dropped
    said = []
    for programme, what in CANDIDATES.items():
        some = cut[cut["programme"] == programme] if len(cut) else cut
        if not len(some):
            continue
        counts = some["reason"].value_counts()
        first = [f"{name} ({count:,})" for name, count in counts.head(_SHOWN).items()]
        zh, en = "、".join(first), ", ".join(first)
        if len(counts) > _SHOWN:
            zh += f"等，另有 {len(counts) - _SHOWN:,} 种原因"
            en += f" and {len(counts) - _SHOWN:,} more"
        head = Said(f"{len(some):,} {what.zh}", f"{len(some):,} {what.en}")
        said.append(
            Said(
                f"{head.zh}因禁止或限制用地被剔除：{zh}",
                f"{head.en} were dropped by excluded land: {en}",
            )
        )
        kinds = BOUND.get(programme, {})
        bound = int(some["kind"].isin(list(kinds)).sum())
        if bound:
            said.append(_uncounted(bound, kinds))
    return tuple(said)


def _uncounted(bound: int, kinds: Mapping[str, str]) -> Said:
    named = ", ".join(kind.replace("_", " ") for kind in kinds)
    return Said(
        f"其中条款所要求的（{'、'.join(kinds.values())}）{bound:,} 处不计入",
        f"{bound:,} of them that clauses ask for ({named}) aren't counted",
    )
