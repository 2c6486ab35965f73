"""Transformers of charging stations in the sizes that are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

STANDARD_KVA = (100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000, 2500)
"""
Rated powers of 10 kV distribution transformers, kVA.

The preferred values of GB 1094.1-2013 (the R10 series), as far as GB/T 6451-2015 and
GB/T 10228-2015 list them; from memory of these standards.
"""

LEEWAY = 1e-9
"""Relative excess over a size that is rounding, not load."""


def transformer_kva(
    installed_kw: npt.ArrayLike, *, simultaneity: float, power_factor: float
) -> npt.NDArray[np.int64]:
    """
    Size the transformers of stations.

    Parameters
    ----------
    installed_kw
        Rated power of all piles of each station, kW, shape (n,).
    simultaneity
        Share of it that runs at once, Kx.
    power_factor
        cos(phi) at the meter.

    Returns
    -------
    kva
        Rated power of all transformers of each station, kVA, shape (n,).

    Notes
    -----
    S = Kx * sum(P) / cos(phi), rounded up to a standard size. A load above the largest size is
    divided over the fewest equal transformers that carry it.
    """
    sizes = np.array(STANDARD_KVA, dtype=np.int64)
    load = np.asarray(installed_kw, dtype=np.float64) * simultaneity / power_factor
    units = np.maximum(np.ceil(load / sizes[-1] * (1 - LEEWAY)), 1.0).astype(np.int64)
    each = load / units * (1 - LEEWAY)
    chosen = np.minimum(np.searchsorted(sizes, each), len(sizes) - 1)
    kva: npt.NDArray[np.int64] = np.where(load > 0, units * sizes[chosen], 0)
    return kva
