"""Connected selection: a certificate as arrays by name, and the bound recomputed from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from siting.core.connected.check import Certificate, Duals, connected_bound
from siting.errors import VerificationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from siting.structures import Connected

    Floats = npt.NDArray[np.float64]

_NAMES = (
    "link",
    "ends",
    "supply",
    "roots",
    "rows",
    "level",
    "level_node",
    "level_start",
    "target",
    "price",
)


def packed_bound(connected: Connected, arrays: Mapping[str, Floats]) -> float:
    """
    Compute the bound that a packed certificate proves; see `connected_check.connected_bound`.

    Raises
    ------
    VerificationError
        Where arrays are missing or don't fit together.
    """
    return connected_bound(connected, unpack(connected, arrays))


def pack(certificate: Certificate) -> dict[str, Floats]:
    """Lay a certificate out as arrays by name, to be kept in a file."""
    arrays = {"region": certificate.region.astype(np.float64)}
    for k, duals in enumerate(certificate.parts):
        level = csr_array(duals.level)
        named = {
            "link": duals.link,
            "ends": duals.ends,
            "supply": duals.supply,
            "roots": np.array([duals.roots]),
            "rows": duals.rows,
            "level": level.data,
            "level_node": level.indices,
            "level_start": level.indptr,
            "target": duals.target,
            "price": duals.price,
        }
        arrays.update({f"{k}/{name}": np.asarray(array, float) for name, array in named.items()})
    return arrays


def unpack(connected: Connected, arrays: Mapping[str, Floats]) -> Certificate:
    """
    Read a certificate back from its arrays.

    Raises
    ------
    VerificationError
        Where arrays are missing or don't fit together.
    """
    try:
        count = 1 + max(int(name.partition("/")[0]) for name in arrays if "/" in name)
        parts = tuple(
            _unpacked(connected, {name: arrays[f"{k}/{name}"] for name in _NAMES})
            for k in range(count)
        )
        return Certificate(arrays["region"].astype(np.int64), parts)
    except (KeyError, ValueError, IndexError) as error:
        raise VerificationError("the certificate is incomplete", value=error) from error


def _unpacked(connected: Connected, named: Mapping[str, Floats]) -> Duals:
    place = (named["level_node"].astype(np.int64), named["level_start"].astype(np.int64))
    shape = (len(named["price"]), connected.nodes)
    level = csr_array((named["level"], *place), shape=shape)
    level.check_format(full_check=True)
    return Duals(
        link=named["link"],
        ends=named["ends"],
        supply=named["supply"],
        roots=float(named["roots"][0]),
        rows=named["rows"],
        level=level,
        target=named["target"].astype(np.int64),
        price=named["price"],
    )
