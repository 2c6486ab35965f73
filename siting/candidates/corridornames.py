"""Names of corridors: the road, and the roads between which a section of it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from siting.candidates.places import LINK
from siting.candidates.strokes import edge_ends
from siting.facts import road_classes
from siting.frames import ROAD_CLASSES

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.frames import Roads
    from siting.network import Network

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Objects = npt.NDArray[np.object_]

SAME_COS = -0.9
"""An end that goes on within 25 degrees is the same road under another name, not one that crosses.
"""

DEAD_END = "路端"
"""What stands for the end of a road that meets no other."""

CHANGE = 2
"""Ends of a road at a place where it goes on under its name and yet ends: its class changes."""


class SectionEnd(NamedTuple):
    """One end of each section: its place and the unit vector into the section."""

    place: npt.NDArray[np.int64]
    heading: npt.NDArray[np.float64]


def edge_names(network: Network, roads: Roads) -> npt.NDArray[np.object_]:
    """Name of each edge's road, its `ref` where it has none, "" where it has neither, (m,)."""
    name = roads.frame["name"].fillna("").astype(str).to_numpy(dtype=object)
    ref = roads.frame["ref"].fillna("").astype(str).to_numpy(dtype=object)
    found: Objects = np.where(name == "", ref, name)[network.road]
    return found


def class_labels() -> npt.NDArray[np.object_]:
    """Return what each of `ROAD_CLASSES` is called, "" for links."""
    labels = road_classes()["label_zh"]
    return np.array([str(labels.get(name, "")) for name in ROAD_CLASSES], dtype=object)


def unnamed_labels(
    stroke: Ints, highway: npt.NDArray[np.int8], district: Objects, vertex: Ints
) -> npt.NDArray[np.object_]:
    """
    Label roads without a name by district, class and a number.

    Parameters
    ----------
    stroke
        Road of each section, shape (u,).
    highway
        Class of each section, shape (u,).
    district
        Name of the district of each section, "" where it is of no use, shape (u,).
    vertex
        Lowest vertex id of each section, shape (u,); roads are numbered in their order.

    Returns
    -------
    label
        For example `历下区支路12`, the same for all sections of a road, shape (u,).
    """
    frame = pd.DataFrame(
        {"stroke": stroke, "highway": highway, "district": district, "vertex": vertex}
    ).sort_values("vertex", kind="stable")
    road = frame.groupby("stroke", sort=False).first()
    number = road.groupby(["district", "highway"], sort=False).cumcount() + 1
    kind = class_labels()[road["highway"].to_numpy(dtype=np.int64)]
    text = road["district"].astype(object) + kind + number.astype(str).astype(object)
    found: Objects = text.loc[stroke].to_numpy(dtype=object)
    return found


def end_names(
    network: Network,
    place: Ints,
    label: Objects,
    *,
    named: npt.NDArray[np.bool_],
    road: Objects,
    end: SectionEnd,
) -> npt.NDArray[np.object_]:
    """
    Name the road that sections end at.

    Of the roads at the place the one is taken that doesn't go straight on from the section, has a
    name, is of the highest class, and comes first by name, in this order.

    Parameters
    ----------
    network
        The network.
    place
        Place of each node, shape (n,).
    label
        Label of each edge, "" for none, shape (m,).
    named
        Whether it is a name on the map, shape (m,).
    road
        Label of each section, shape (e,).
    end
        Where the sections end.

    Returns
    -------
    name
        The road; what else is there where none has a label (`无名街巷`, `匝道` for a ramp, `分岔`
        where the road forks, `等级变化处` where its class changes); `DEAD_END` for nothing, (e,).
    """
    known = np.flatnonzero((label != "") & ~LINK[network.highway])
    others = edge_ends(network, place, known)
    roads = pd.DataFrame(
        {
            "place": others.place,
            "name": label[others.edge],
            "unnamed": ~named[others.edge],
            "highway": network.highway[others.edge],
            "x": others.heading[:, 0],
            "y": others.heading[:, 1],
        }
    )
    roads = roads[np.isin(others.place, end.place)]
    mine = pd.DataFrame(
        {
            "section": np.arange(len(road)),
            "place": end.place,
            "road": road,
            "hx": end.heading[:, 0],
            "hy": end.heading[:, 1],
        }
    )
    pairs = mine.merge(roads, on="place")
    pairs = pairs[pairs["name"] != pairs["road"]]
    ahead = pairs["x"] * pairs["hx"] + pairs["y"] * pairs["hy"] <= SAME_COS
    # A road that crosses has an end beside the straight one, or is met at an angle.
    straight = ahead.groupby([pairs["section"], pairs["name"]]).transform("all")
    pairs = pairs.assign(straight=straight).sort_values(
        ["section", "straight", "unnamed", "highway", "name"], kind="stable"
    )
    best = pairs.drop_duplicates("section").set_index("section")["name"]
    found: Objects = best.reindex(np.arange(len(road))).to_numpy(dtype=object)
    return np.where(pd.isna(found), _rest(network, place, label, end.place), found)


def _rest(network: Network, place: Ints, label: Objects, at: Ints) -> Objects:
    """Say what is at places without another named road: a street, a ramp, a fork, or nothing."""
    size = int(place.max()) + 1
    ends = place[np.concatenate([network.tail, network.head])]
    code = np.tile(network.highway.astype(np.int64), 2)
    ramp = LINK[code]
    bare = np.tile(label == "", 2) & ~ramp
    highest = np.full(size, len(ROAD_CLASSES))
    np.minimum.at(highest, ends[bare], code[bare])
    ramps = np.bincount(ends[ramp], minlength=size)
    whole = ~ramp & ~np.tile(network.twin, 2)
    roads = np.bincount(ends[whole], minlength=size)
    names = [f"无名{kind}" for kind in class_labels()]
    unnamed = np.array([*names, ""], dtype=object)[highest]
    found: Objects = np.select(
        [highest < len(ROAD_CLASSES), ramps > 0, roads > CHANGE, roads == CHANGE],
        [unnamed, np.full(size, "匝道"), np.full(size, "分岔"), np.full(size, "等级变化处")],
        default=DEAD_END,
    ).astype(object)
    return found[at]
