"""Substations with the load that each can still take, and which sites each feeds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from siting.errors import InputError
from siting.sources import as_points

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.candidates.charging import Candidates
    from siting.model.model import Charging
    from siting.network import Network

COLUMNS = ("substation_id", "lon", "lat", "headroom_kw")
"""Columns of the table of substations."""

LEAST = {"lon": -180.0, "lat": -90.0, "headroom_kw": 0.0}
MOST = {"lon": 180.0, "lat": 90.0, "headroom_kw": np.inf}


@dataclass(frozen=True, slots=True)
class Substations:
    """
    Substations and the sites that they feed.

    Attributes
    ----------
    frame
        EPSG:4326 Points, RangeIndex. Columns: `substation_id` (str, unique), `headroom_kw` (float).
    of_site
        Row of the substation nearest to each candidate site in a straight line, shape (sites,).
    """

    frame: gpd.GeoDataFrame
    of_site: npt.NDArray[np.int64]


def read_substations(path: str | Path) -> gpd.GeoDataFrame:
    """
    Read a table of substations.

    Parameters
    ----------
    path
        CSV file, UTF-8, with `COLUMNS`; others are left out.

    Returns
    -------
    frame
        As `Substations.frame`.

    Raises
    ------
    InputError
        The file can't be read, a column is missing, or a value isn't one; the row is named.
    """
    where = Path(path)
    try:
        table = pd.read_csv(where, dtype=str, encoding="utf-8-sig", keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError("the table of substations can't be read", where=where, value=error) from (
            error
        )
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing or table.empty:
        raise InputError(
            "the table of substations lacks columns" if missing else "there are no substations",
            where=where,
            value=", ".join(missing) or "0 rows",
            cure=f"Give a CSV with the columns {', '.join(COLUMNS)}",
        )
    numbers = {name: _numbers(table[name], where) for name in COLUMNS[1:]}
    twice = table.index[table["substation_id"].duplicated()]
    if len(twice):
        line = int(twice[0]) + 2
        id_ = table["substation_id"].iloc[twice[0]]
        raise InputError(f"line {line}: the substation is there twice", where=where, value=id_)
    return gpd.GeoDataFrame(
        {"substation_id": table["substation_id"], "headroom_kw": numbers["headroom_kw"]},
        geometry=gpd.points_from_xy(numbers["lon"], numbers["lat"]),
        crs="EPSG:4326",
    )


def substations_of(
    charging: Charging,
    network: Network,
    candidates: Candidates,
    grid: gpd.GeoDataFrame | None = None,
) -> Substations | None:
    """
    Feed the sites from the substations that a model names; None where it names none.

    Parameters
    ----------
    charging
        Names a table of them.
    network, candidates
        As for `feed`.
    grid
        The city's own layer of them (`sources.grid`), as `siting.sources.read_layer` gives it.

    Raises
    ------
    InputError
        Both are given, the table can't be read, or a substation has no head-room.
    """
    if grid is not None:
        if charging.substations:
            raise InputError(
                "substations are given twice",
                where=charging.substations,
                cure="Keep `sources.grid` or `charging.substations`",
            )
        lost = grid["row"][grid["headroom_kw"].isna()]
        if len(lost):
            raise InputError(
                "substations have no head-room",
                where="sources.grid",
                value=", ".join(lost.head(5)),
                cure="Fill in `headroom_kw`, 0 where nothing is left",
            )
        return feed(as_points(grid)[[*COLUMNS[:1], "headroom_kw", "geometry"]], network, candidates)
    if not charging.substations:
        return None
    return feed(read_substations(charging.substations), network, candidates)


def feed(substations: gpd.GeoDataFrame, network: Network, candidates: Candidates) -> Substations:
    """
    Let each site be fed by the nearest substation in a straight line.

    Parameters
    ----------
    substations
        As `read_substations` gives them.
    network
        For its metric CRS.
    candidates
        Candidate sites.

    Returns
    -------
    substations
        With `of_site`.
    """
    at = _metres(substations, network)
    _, nearest = cKDTree(at).query(_metres(candidates.frame, network))
    return Substations(substations, np.asarray(nearest, dtype=np.int64))


def _metres(frame: gpd.GeoDataFrame, network: Network) -> npt.NDArray[np.float64]:
    points = frame.geometry.to_crs(network.crs)
    return np.column_stack([points.x.to_numpy(dtype=float), points.y.to_numpy(dtype=float)])


def _numbers(column: pd.Series, where: Path) -> npt.NDArray[np.float64]:
    """Parse a column, refusing what is no number or out of range, with its line."""
    name = str(column.name)
    values: npt.NDArray[np.float64] = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float)
    bad = np.flatnonzero(~((values >= LEAST[name]) & (values <= MOST[name])))
    if len(bad) or not np.isfinite(values).all():
        row = int(bad[0]) if len(bad) else int(np.flatnonzero(~np.isfinite(values))[0])
        raise InputError(
            f"line {row + 2}: {name} is no number in its range",
            where=where,
            value=column.iloc[row],
            cure="Give degrees of WGS-84 and kilowatts of 0 and more",
        )
    return values
