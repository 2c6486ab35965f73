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


@numba.njit(cache=True, nogil=True)
def _overlap(row, arrays, opened, flags, table, touched):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Add the open share of a row's unflagged sites to each row they cover; rows touched."""
    site_ptr, site_rows, row_ptr, row_sites = arrays
    count = 0
    for a in range(row_ptr[row], row_ptr[row + 1]):
        site = row_sites[a]
        for b in range(site_ptr[site], site_ptr[site + 1]):
            other = site_rows[b]
            if table[other] == 0.0:
                touched[count] = other
                count += 1
            table[other] += -opened[site] if flags[site] else opened[site]
            if table[other] == 0.0:
                table[other] = 1e-300
    return count


@numba.njit(cache=True, nogil=True)
def _third(row, second, arrays, opened, mass, work):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Find the third row of the greatest breach beside two; the row and the breach."""
    flags, overlap, beside, touched = work
    # With the sites of the first row flagged, `overlap + beside` is the mass in one of the two.
    count = _overlap(second, arrays, opened, flags, beside, touched)
    both = overlap[second]
    fixed = min(mass[row], 1.0) + min(mass[second], 1.0) - 1.0 - mass[row] - mass[second] + both
    best, third = 0.0, -1
    for k in range(count):
        other = touched[k]
        breach = fixed + min(mass[other], 1.0) - mass[other] + overlap[other] + beside[other]
        if breach > best:
            best, third = breach, other
        beside[other] = 0.0
    return third, best


@numba.njit(cache=True, nogil=True)
def trios(arrays, opened, mass, rows, limits, seed):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """
    Look for three rows that break an odd cut.

    Parameters
    ----------
    arrays
        Pointers and rows of sites, pointers and sites of rows.
    opened
        Share open of each site, > 0, shape (sites,).
    mass
        Sum of it over the sites of each row, shape (rows,).
    rows
        Rows to start from.
    limits
        Random rows tried beside each, least and most overlap of these, least breach.
    seed
        Seed of the choice.

    Returns
    -------
    found, breach
        Rows of each cut, shape (cuts, 3), and by how much it is broken.
    """
    tries, near, far, least = limits
    np.random.seed(seed)  # noqa: NPY002  (the compiled generator has no other)
    count = len(mass)
    flags = np.zeros(len(opened), dtype=np.bool_)
    overlap, beside = np.zeros(count), np.zeros(count)
    touched, spare = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int64)
    work = (flags, overlap, beside, spare)
    found = np.empty((len(rows) * tries, 3), dtype=np.int64)
    depth = np.empty(len(rows) * tries)
    size = 0
    for row in rows:
        reached = _overlap(row, arrays, opened, flags, overlap, touched)
        inside = 0
        for k in range(reached):
            if near < overlap[touched[k]] < far:
                touched[inside], touched[k] = touched[k], touched[inside]
                inside += 1
        for a in range(arrays[2][row], arrays[2][row + 1]):
            flags[arrays[3][a]] = True
        for _ in range(min(tries, inside)):
            second = touched[np.random.randint(inside)]  # noqa: NPY002
            third, breach = _third(row, second, arrays, opened, mass, work)
            if breach > least:
                found[size] = row, second, third
                depth[size] = breach
                size += 1
        for a in range(arrays[2][row], arrays[2][row + 1]):
            flags[arrays[3][a]] = False
        for k in range(reached):
            overlap[touched[k]] = 0.0
    return found[:size], depth[:size]
