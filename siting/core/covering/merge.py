"""
Merge good plans: the best plan among the sites that any of them opens, by branch and bound.

Plans from separate annealing runs agree on much and differ in places. Restricted to their union
the problem is small and its linear relaxation nearly exact, so HiGHS takes the best of each place
in a fraction of a second (Applegate et al. 2007, tour merging; Rothberg 2007, polishing).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from siting.core.covering.problem import as_model, covered_rows
from siting.core.shrink import shrink

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from siting.structures import Covering

    Mask = npt.NDArray[np.bool_]

MOST_SITES = 360
"""Sites in a union, beyond the first two plans; larger ones stop being easy."""
_NODES = 400


def merge(
    covering: Covering, best: Mask, others: Sequence[Mask], *, seconds: float, seed: int
) -> Mask:
    """
    Find the best plan among the sites of several plans.

    Parameters
    ----------
    covering
        The problem, without fixed or banned sites.
    best
        Best plan known; the start, shape (sites,).
    others
        Further plans; taken in order while their union stays small.
    seconds
        Time limit. Short of it, the count of nodes ends the search, so that runs repeat.
    seed
        Random seed.

    Returns
    -------
    ndarray of bool
        A plan at least as good as `best`.
    """
    from siting.core.highs import solve_arrays  # noqa: PLC0415

    union = best.copy()
    taken = 0
    for plan in others:
        wider = union | plan
        if taken and int(wider.sum()) > MOST_SITES:
            continue
        union, taken = wider, taken + 1
    small = shrink(replace(covering, banned=~union))
    if not len(small.covering.cost) or not len(small.covering.weight):
        return best
    start = _start(covering, best, small.sites, small.dominator)
    if small.covering.cost[start].sum() > small.covering.budget:
        return best
    model = as_model(small.covering)
    found = solve_arrays(
        replace(
            model,
            start=np.concatenate([start, covered_rows(small.covering, start)]).astype(np.float64),
        ),
        gap=1e-5,
        seconds=seconds,
        seed=seed,
        nodes=_NODES,
    )
    if found.values is None:
        return best
    return small.lift(found.values[: len(start)] > 0.5)  # noqa: PLR2004


def _start(
    covering: Covering,
    best: Mask,
    sites: npt.NDArray[np.int64],
    dominator: npt.NDArray[np.int64],
) -> Mask:
    """Restate the best plan in the sites that the restricted problem keeps."""
    stand_in = np.where(dominator >= 0, dominator, np.arange(len(covering.cost)))
    wanted = np.zeros(len(covering.cost), dtype=np.bool_)
    wanted[stand_in[best]] = True
    return wanted[sites]
