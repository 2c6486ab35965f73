"""Locks as they are written: in the model and in the rows of a table or layer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from pydantic import ValidationError

from siting.model.locks import Lock
from siting.text import clip

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt

    from siting.model.model import Model

LEVELS = {"感知": "sensing", "全要素": "full", "通信": "rsu"}
"""Equipment levels by their Chinese names."""
TEXTS = ("item", "what", "name", "kind", "road", "from_name", "to_name", "reason", "who")


@dataclass(frozen=True, slots=True)
class Written:
    """
    Locks in the order in which they are numbered: those of the model, then those of the file.

    Attributes
    ----------
    locks
        The locks.
    shapes
        Geometry of each row of a layer that is a line or an area, None for the rest.
    problems
        Rows that are no lock, one sentence each.
    """

    locks: tuple[Lock, ...]
    shapes: tuple[Any, ...]
    problems: tuple[str, ...]


def written_locks(model: Model, layer: gpd.GeoDataFrame | None) -> Written:
    """
    Gather the locks of a model and of its file.

    Parameters
    ----------
    model
        The planning model.
    layer
        Rows of `sources.locks` as `siting.sources.read_layer` gives them, or None.
    """
    locks = [
        lock if lock.origin else lock.model_copy(update={"origin": f"locks[{n}]"})
        for n, lock in enumerate(model.locks)
    ]
    shapes: list[Any] = [None] * len(locks)
    problems: list[str] = []
    if layer is not None:
        name = Path(model.sources.locks.file).name
        table = layer.drop(columns=layer.geometry.name)
        for row, shape in zip(table.to_dict("records"), layer.geometry.to_numpy(), strict=True):
            where = f"{name} {row['row']}"
            try:
                locks.append(Lock.model_validate(_fields(row, shape, where)))
            except ValidationError as error:
                texts = (e["msg"].removeprefix("Value error, ") for e in error.errors())
                problems.append(f"{where}: {'; '.join(texts)}")
                continue
            flat = shape is None or shapely.get_dimensions(shape) == 0
            shapes.append(None if flat else shape)
    return Written(tuple(locks), tuple(shapes), tuple(problems))


def _fields(row: dict[Any, Any], shape: Any, where: str) -> dict[str, Any]:  # noqa: ANN401
    """Return the values of a lock; what a row leaves empty isn't there."""
    found: dict[str, Any] = {name: clip(row[name], 200) for name in TEXTS if row[name]}
    found["origin"] = where
    if row["id"]:
        found["id"] = row["id"]
    level = str(row["level"]).strip()
    if level:
        found["level"] = LEVELS.get(level, level)
    if np.isfinite(row["piles"]):
        found["piles"] = row["piles"]
    types = {
        key.removeprefix("piles_"): value
        for key, value in row.items()
        if key.startswith("piles_") and np.isfinite(value)
    }
    if any(types.values()):
        found["piles_by_type"] = types
    if shape is not None and not row["id"]:
        at = shapely.get_coordinates(shapely.point_on_surface(shape))[0]
        found["lon"], found["lat"] = (float(value) for value in at)
    return found


def place_of(lock: Lock) -> npt.NDArray[np.float64] | None:
    """Return longitude and latitude of a lock by place, shape (2,), or None."""
    if lock.lon is None or lock.lat is None:
        return None
    return np.array([lock.lon, lock.lat])
