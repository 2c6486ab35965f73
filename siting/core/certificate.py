"""
Certificates: the arrays that prove a bound, as a file, and the bound computed again from them.

Nothing in a certificate has to be trusted. Multipliers prove a bound whatever they are; where a
site is said to be dominated by another, that is checked against the cover sets; and the bound is
evaluated from the programme's own arrays. A spoilt certificate gives a weaker bound or an error,
never a false one.
"""

from __future__ import annotations

import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from siting.core.covering.bound import Cut, covering_bound
from siting.core.covering.problem import any_in_rows, budget_limit, check_covering
from siting.core.shrink import COVERED
from siting.errors import InputError, VerificationError
from siting.structures import Building, Connected, Covering, Sizing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

    Arrays = Mapping[str, npt.NDArray[np.float64]]


def write_certificate(path: Path, certificate: Arrays) -> None:
    """
    Write a certificate as a compressed npz file.

    Parameters
    ----------
    path
        File to write.
    certificate
        Arrays by name, as in `Outcome.certificate`.
    """
    with path.open("wb") as file:
        np.savez_compressed(file, **dict(certificate))  # type: ignore[arg-type]


def read_certificate(path: Path) -> dict[str, npt.NDArray[np.float64]]:
    """
    Read a certificate; no object of it is unpickled.

    Raises
    ------
    InputError
        Where the file is missing or is not such a file.
    """
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return {name: np.asarray(file[name], dtype=np.float64) for name in file.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise InputError("the certificate can't be read", where=path, value=error) from error


def recompute_bound(structure: object, certificate: Arrays) -> float:
    """
    Compute the bound that a certificate proves, from the programme's structure.

    Parameters
    ----------
    structure
        `Covering`, `Sizing`, `Connected` or `Building` of the programme.
    certificate
        Arrays by name.

    Returns
    -------
    float
        A bound on the objective of every plan; infinite where the certificate is empty (minus
        infinite where least is asked for). Where
        branch and bound did better, this is the weaker bound that needs no trust in it.

    Raises
    ------
    VerificationError
        Where arrays are missing, have the wrong shape, or claim what the data contradicts.
    """
    if not certificate:
        least = isinstance(structure, Building) and not structure.maximise
        return float("-inf") if least else float("inf")
    if isinstance(structure, Covering):
        return _covering(structure, certificate)
    if isinstance(structure, Sizing):
        from siting.core.sizing.bound import sizing_bound  # noqa: PLC0415

        return sizing_bound(structure, certificate)
    if isinstance(structure, Connected):
        from siting.core.connected.certificate import packed_bound  # noqa: PLC0415

        return packed_bound(structure, certificate)
    if isinstance(structure, Building):
        from siting.core.building.check import proven_bound, unpacked  # noqa: PLC0415

        return proven_bound(structure, unpacked(structure, certificate))
    raise VerificationError(
        "there is no certificate for this kind of programme", value=type(structure).__name__
    )


def _covering(covering: Covering, certificate: Arrays) -> float:
    check_covering(covering)
    rows, sites = covering.cover.shape
    share = np.clip(np.nan_to_num(_array(certificate, "share", None)), 0.0, 1.0)
    group = _array(certificate, "group", rows)
    dominator = _whole(_array(certificate, "dominator", sites), sites, "dominator")
    place = _whole(group, len(share), "group")
    # Row shares prove a bound whatever they are: 0 counts a row as covered, 1 prices it fully.
    per_row = np.where(place == COVERED, 0.0, 1.0)
    per_row[place >= 0] = share[place[place >= 0]]
    # A site without cost may as well be open; one beyond the whole budget can't be.
    open_anyway = covering.fixed | ((covering.cost <= 0) & ~covering.banned)
    left = budget_limit(covering.budget) - float(covering.cost[covering.fixed].sum())
    decided = replace(
        covering,
        fixed=open_anyway,
        banned=covering.banned | (~covering.fixed & (covering.cost > left)),
    )
    gone = dominator >= 0
    _check_dominators(decided, np.flatnonzero(gone), dominator[gone])
    decided = replace(decided, banned=decided.banned | gone)
    if "trio" in certificate:
        return _with_cuts(decided, certificate, place, share)
    return covering_bound(decided, covering.weight * per_row)


def _with_cuts(
    covering: Covering,
    certificate: Arrays,
    place: npt.NDArray[np.int64],
    share: npt.NDArray[np.float64],
) -> float:
    """
    Evaluate a bound with odd cuts over joined rows.

    A joined row counts as covered where any site of any of its rows is open: no plan is worth less
    then, whichever rows are joined, so that nothing about the groups needs to be believed.
    """
    trio = _whole(_array(certificate, "trio", None), len(share), "trio")
    if len(trio) % 3 or (len(trio) and trio.min() < 0):
        raise VerificationError("array 'trio' of the certificate holds no three rows a cut")
    members = np.sort(trio.reshape(-1, 3), axis=1)
    if (members[:, 1:] == members[:, :-1]).any():
        raise VerificationError("a cut of the certificate names a row twice")
    multiplier = _array(certificate, "trio_multiplier", len(members))
    anyway = float(covering.weight[place == COVERED].sum())
    rows, groups = np.flatnonzero(place != COVERED), len(share) + 1
    # Rows said to have no site left make one last group, priced in full.
    group = np.where(place[rows] >= 0, place[rows], len(share))
    table = csr_array((np.ones(len(rows)), (group, rows)), shape=(groups, covering.cover.shape[0]))
    cover = covering.cover
    joined = csr_array(
        table @ csr_array((np.ones(cover.nnz), cover.indices, cover.indptr), shape=cover.shape)
    )
    joined.data[:] = 1.0
    sums = np.bincount(group, weights=covering.weight[rows], minlength=groups)
    weight = sums.astype(np.float64, copy=False)
    whole = replace(covering, cover=joined, weight=weight)
    bound = covering_bound(whole, weight * np.append(share, 1.0), Cut(members, multiplier))
    return bound + anyway * (1.0 + 1e-12)


def _array(certificate: Arrays, name: str, size: int | None) -> npt.NDArray[np.float64]:
    if name not in certificate:
        raise VerificationError("the certificate lacks an array", value=name)
    array = np.asarray(certificate[name], dtype=np.float64)
    if array.ndim != 1 or (size is not None and len(array) != size):
        raise VerificationError(
            f"array {name!r} of the certificate should hold {size} values", value=array.shape
        )
    return array


def _whole(array: npt.NDArray[np.float64], size: int, name: str) -> npt.NDArray[np.int64]:
    whole = np.rint(np.nan_to_num(array, nan=-3.0)).astype(np.int64)
    if len(whole) and not (whole.min() > -3 and whole.max() < size):  # noqa: PLR2004
        raise VerificationError(
            f"array {name!r} of the certificate points outside", value=(whole.min(), whole.max())
        )
    return whole


def _check_dominators(
    covering: Covering, gone: npt.NDArray[np.int64], stand_in: npt.NDArray[np.int64]
) -> None:
    """Confirm that each site left out covers only what its stand-in covers, for no less money."""
    ok = ~covering.fixed[gone] & ~covering.banned[stand_in]
    ok &= covering.cost[gone] >= covering.cost[stand_in]
    ok &= ~np.isin(stand_in, gone)
    live = (covering.weight > 0) & ~any_in_rows(covering.cover, covering.fixed)
    cover = covering.cover
    counts = csr_array((np.ones(cover.nnz), cover.indices, cover.indptr), shape=cover.shape)[live]
    counts.sum_duplicates()
    counts.data[:] = 1.0
    by_site = csr_array(counts.T)
    common = np.asarray((by_site[gone] * by_site[stand_in]).sum(axis=1), dtype=np.float64)
    size = np.diff(by_site.indptr)[gone]
    ok &= common == size
    if not ok.all():
        raise VerificationError(
            "the certificate calls a site dominated that is not", value=f"site {gone[~ok][0]}"
        )
