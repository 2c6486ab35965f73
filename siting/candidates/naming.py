"""Names for sites that the map leaves without one."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from siting.frames import Roads
    from siting.network import Network


def site_names(
    places: pd.DataFrame,
    kind: pd.DataFrame,
    district_name: npt.NDArray[np.object_],
    network: Network,
    roads: Roads,
) -> list[str]:
    """
    Name each site: its own name, else by the roads it stands at, else by district and number.

    Parameters
    ----------
    places
        Sites with `name`, `kind` and `node`, shape (n,).
    kind
        Row of `site_kinds` of each site, with `label_zh`, shape (n,).
    district_name
        District of each site, shape (n,).
    network, roads
        Where road names come from.

    Returns
    -------
    list of str
        For example `经十路与山大路路口`, `经十路公共停车场` or `历下区公共停车场3`; numbers run by
        district and label in the order of the sites.
    """
    at_node = _road_names(network, roads, np.unique(places["node"].to_numpy()))
    number: dict[str, int] = defaultdict(int)
    # Where all is one district, its name tells nothing.
    several = len(set(district_name.tolist())) > 1
    names = []
    rows = zip(places["name"], places["kind"], places["node"], kind["label_zh"], strict=True)
    for (own, what, node, label), district in zip(rows, district_name, strict=True):
        names.append(
            own
            or _name(
                at_node.get(int(node), []), what, label, str(district) if several else "", number
            )
        )
    return names


def _name(roads: list[str], kind: str, label: str, district: str, number: dict[str, int]) -> str:
    if kind == "roadside" and len(roads) > 1:
        return f"{roads[0]}与{roads[1]}路口"
    base = f"{roads[0]}{label}" if roads else f"{district}{label}"
    number[base] += 1
    return f"{base}{number[base]}" if not roads or number[base] > 1 else base


def _road_names(
    network: Network, roads: Roads, nodes: npt.NDArray[np.int64]
) -> dict[int, list[str]]:
    """Return the names of the roads at some nodes, the greater road first."""
    name = roads.frame["name"].fillna("").astype(str).to_numpy()[network.road]
    ends = np.concatenate([network.tail, network.head])
    edge = np.tile(np.arange(len(network.tail)), 2)
    wanted = np.zeros(len(network.node_xy), dtype=np.bool_)
    wanted[nodes] = True
    kept = wanted[ends] & (name[edge] != "")
    ends, edge = ends[kept], edge[kept]
    order = np.lexsort((name[edge].astype(np.str_), network.highway[edge], ends))
    found: dict[int, list[str]] = defaultdict(list)
    for node, road in zip(ends[order].tolist(), name[edge[order]].tolist(), strict=True):
        if road not in found[node]:
            found[node].append(road)
    return found
