"""The moves of `covering_search` compiled by numba, where that is installed; the same heat bath."""

from __future__ import annotations

import math

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def _spread(site, sign, ones, arrays, weight, count, total):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Add the weight on a site's rows covered `ones` times over all sites that cover them."""
    site_ptr, site_rows, row_ptr, row_sites = arrays
    for a in range(site_ptr[site], site_ptr[site + 1]):
        row = site_rows[a]
        if count[row] == ones:
            amount = sign * weight[row]
            for b in range(row_ptr[row], row_ptr[row + 1]):
                total[row_sites[b]] += amount


@numba.njit(cache=True, nogil=True)
def _shift(site, step, arrays, weight, count, gain, once):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Open (step 1) or close (-1) a site; the change of value."""
    site_ptr, site_rows, _, _ = arrays
    zero, one = (0, 1) if step > 0 else (1, 2)
    sign = 1.0 if step > 0 else -1.0
    _spread(site, -sign, zero, arrays, weight, count, gain)
    _spread(site, sign, zero, arrays, weight, count, once)
    _spread(site, -sign, one, arrays, weight, count, once)
    value = 0.0
    for a in range(site_ptr[site], site_ptr[site + 1]):
        row = site_rows[a]
        if count[row] == zero:
            value += sign * weight[row]
        count[row] += step
    return value


@numba.njit(cache=True, nogil=True)
def exchanges(arrays, weight, state, heats, seed):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """
    Make one exchange a temperature, among sites of equal cost.

    Parameters
    ----------
    arrays
        Pointers and rows of sites, pointers and sites of rows.
    weight
        Shape (rows,).
    state
        Open sites as a list, whether each site is open, times each row is covered, gain of each
        site, weight that each covers alone if open; changed in place.
    heats
        Temperatures, shape (moves,).
    seed
        Seed of these moves.

    Returns
    -------
    best, opened
        Greatest change of value from the start, and the open sites then.
    now
        Change of value at the end.
    """
    stations, opened, count, gain, once = state
    np.random.seed(seed)  # noqa: NPY002  (the compiled generator has no other)
    sites = len(gain)
    extra = np.zeros(sites)
    now, best = 0.0, 0.0
    found = stations.copy()
    for heat in heats:
        place = np.random.randint(len(stations))  # noqa: NPY002
        site = stations[place]
        extra[:] = gain
        _spread(site, 1.0, 1, arrays, weight, count, extra)
        extra[site] = once[site]
        top = -1.0
        for other in range(sites):
            if (not opened[other] or other == site) and extra[other] > top:
                top = extra[other]
        floor = top - 30.0 * heat
        total = 0.0
        chosen = site
        # One pass draws with probability proportional to exp(gain / heat) (reservoir sampling).
        for other in range(sites):
            if extra[other] >= floor and (not opened[other] or other == site):
                share = math.exp((extra[other] - top) / heat)
                total += share
                if np.random.random() * total < share:  # noqa: NPY002
                    chosen = other
        if chosen != site:
            now += _shift(site, -1, arrays, weight, count, gain, once)
            now += _shift(chosen, 1, arrays, weight, count, gain, once)
            opened[site], opened[chosen] = False, True
            stations[place] = chosen
            if now > best:
                best = now
                found[:] = stations
    return best, found, now
