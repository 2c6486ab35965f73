"""Names, nodes, traffic and duties of roadside sites."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from siting.candidates.roadsidekinds import site_table
from siting.facts import demand_weights, road_classes
from siting.frames import ROAD_CLASSES

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt

    from siting.frames import Roads
    from siting.model.roadside import Roadside
    from siting.network import Junctions, Network

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Texts = npt.NDArray[np.object_]


def vehicles() -> Floats:
    """Return how many vehicles a day a road of each class carries, thousands, by class."""
    weights = demand_weights("traffic")
    return np.array([weights.get(name, 0.0) for name in ROAD_CLASSES])


def members(junctions: Junctions, junction: Ints) -> csr_array:
    """
    Tell which nodes make up the junction of each site.

    Parameters
    ----------
    junctions
        The junctions.
    junction
        Junction of each site, -1 for none, shape (s,).

    Returns
    -------
    member
        Bool, shape (s, n).
    """
    site_of = np.full(len(junctions.key) + 1, -1)
    sites = np.flatnonzero(junction >= 0)
    site_of[junction[sites]] = sites
    of = np.where(junctions.of_node >= 0, site_of[junctions.of_node], -1)
    node = np.flatnonzero(of >= 0)
    ones = np.ones(len(node), dtype=bool)
    return csr_array((ones, (of[node], node)), shape=(len(junction), len(of)))


def nearest_nodes(network: Network, xy: Floats, edge: Ints, member: csr_array) -> Ints:
    """
    Find the node of each site: of its junction the nearest to its middle, else of its edge.

    Parameters
    ----------
    network
        The network.
    xy, edge, member
        Place, edge (-1 for none) and nodes of each site, shapes (s, 2), (s,), (s, n).

    Returns
    -------
    node
        Shape (s,).
    """
    on = np.flatnonzero(edge >= 0)
    pairs = member.tocoo()
    site = np.concatenate([pairs.row, on, on])
    node = np.concatenate([pairs.col, network.tail[edge[on]], network.head[edge[on]]])
    away = np.hypot(*(network.node_xy[node] - xy[site]).T)
    order = np.lexsort((node, away, site))
    lead = order[np.r_[True, np.diff(site[order]) != 0]] if len(order) else order
    found = np.full(len(xy), -1)
    found[site[lead]] = node[lead]
    return found


def passing(network: Network, junctions: Junctions, junction: Ints, edge: Ints) -> Floats:
    """
    Estimate how many vehicles a day pass each site, thousands.

    Parameters
    ----------
    network, junctions
        The network and its junctions.
    junction, edge
        Junction or edge of each site, -1 for none, shapes (s,).

    Returns
    -------
    benefit
        At a junction half of the sum over the roads that reach it, one direction of a dual
        carriageway as half a road; on a road that road's; shape (s,).
    """
    per_class = vehicles()
    whole = per_class[network.highway] * np.where(network.oneway == 0, 1.0, 0.5)
    of = junctions.of_node
    leaves = of[network.tail] != of[network.head]
    total = np.zeros(len(junctions.key) + 1)
    for ends in (network.tail, network.head):
        at = of[ends]
        kept = leaves & (at >= 0)
        np.add.at(total, at[kept], whole[kept] / 2)
    return np.where(junction >= 0, total[junction], per_class[network.highway[edge]])


def must_be(
    network: Network,
    settings: Roadside,
    kind: Texts,
    edge: Ints,
    member: csr_array,
    section: Bools | None,
) -> tuple[Bools, Texts]:
    """
    Tell the sites that are equipped whatever they cost, and by which clauses.

    Parameters
    ----------
    network, settings
        The network and what the model says must be.
    kind, edge, member
        Kind, edge and junction nodes of each site, shapes (s,), (s,), (s, n).
    section
        Edges of the expressway section, shape (m,).

    Returns
    -------
    mandatory, clauses
        Clause ids joined by a space, "" for none; shapes (s,).
    """
    mandatory = np.zeros(len(kind), dtype=bool)
    clauses = np.full(len(kind), "", dtype=object)
    for must in settings.must:
        if must.kind == "section":
            hit = _on_section(network, kind, edge, member, section)
        else:
            hit = kind == must.kind
        mandatory |= hit
        if must.clause:
            clauses[hit] += f"{must.clause} "
    return mandatory, np.array([" ".join(dict.fromkeys(c.split())) for c in clauses], dtype=object)


def _on_section(
    network: Network, kind: Texts, edge: Ints, member: csr_array, section: Bools | None
) -> Bools:
    """Tell the sites on the section, and the interchanges that join it."""
    if section is None:
        return np.zeros(len(kind), dtype=bool)
    nodes = np.zeros(len(network.node_id), dtype=np.int64)
    nodes[network.tail[section]] = 1
    nodes[network.head[section]] = 1
    joins = (member.astype(np.int64) @ nodes > 0) & (kind == "interchange")
    on: Bools = joins | ((edge >= 0) & section[edge])
    return on


def site_labels(
    network: Network,
    districts: gpd.GeoDataFrame,
    roads: Roads,
    settings: Roadside,
    places: pd.DataFrame,
    member: csr_array,
) -> tuple[Texts, Texts]:
    """
    Name each site, and the highest road it stands at.

    Parameters
    ----------
    network, districts, roads, settings
        The map and the model.
    places
        Sites with `kind`, `name`, `edge`, `junction`, `district` and `highest`, in their order.
    member
        Nodes of the junction of each site, shape (s, n).

    Returns
    -------
    name, road
        Its own name; else the road's and the kind's; else the district's, the class of road and
        the kind's; numbered where several are alike. And the road's name, "" where unknown. Shapes
        (s,).
    """
    names = roads.frame["name"].fillna("").astype(str).to_numpy(dtype=object)
    edge = places["edge"].to_numpy(dtype=np.int64)
    road = np.where(edge >= 0, names[network.road[edge]], _highest(network, names, member))
    label = site_table(settings)["label_zh"].reindex(places["kind"]).to_numpy(dtype=object)
    # A ramp is told by the class of its road.
    plain_class = [name.removesuffix("_link") for name in ROAD_CLASSES]
    classes = road_classes()["label_zh"].reindex(plain_class).to_numpy(dtype=object)
    district = districts["name"].fillna("").astype(str).to_numpy(dtype=object)
    plain = district[places["district"]] + classes[places["highest"]]
    # `西藏南路隧道` is a name and a kind in one.
    known = np.where(road != "", road, plain)
    both = [r if r.endswith(k) else r + k for r, k in zip(known, label, strict=True)]
    own = places["name"].to_numpy(dtype=object)
    # A junction with one road's name alone is told by its kind too.
    whole = (own != "") & ((places["junction"].to_numpy() < 0) | (own != road))
    table = pd.DataFrame({"text": np.where(whole, own, np.array(both, dtype=object))})
    number = table.groupby("text").cumcount().to_numpy() + 1
    several = table.groupby("text")["text"].transform("size").to_numpy() > 1
    pairs = zip(table["text"], number.tolist(), several.tolist(), strict=True)
    text = [f"{base}{count}" if many else base for base, count, many in pairs]
    return np.array(text, dtype=object), road


def _highest(network: Network, names: Texts, member: csr_array) -> Texts:
    """Name of the highest named road at each site's junction."""
    site_of = np.full(len(network.node_id), -1)
    pairs = member.tocoo()
    site_of[pairs.col] = pairs.row
    ends = np.concatenate([network.tail, network.head])
    text = np.tile(names[network.road], 2)
    level = np.tile(network.highway, 2)
    kept = np.flatnonzero((site_of[ends] >= 0) & (text != ""))
    order = kept[np.lexsort((text[kept].astype(str), level[kept], site_of[ends[kept]]))]
    found = np.full(member.shape[0], "", dtype=object)
    site = site_of[ends[order]]
    lead = np.r_[True, np.diff(site) != 0] if len(site) else np.zeros(0, dtype=bool)
    found[site[lead]] = text[order][lead]
    return found
