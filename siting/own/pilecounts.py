"""Piles of the stations in a city's own table: texts and numbers of its columns, types guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from siting.said import Said

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.model.model import Charging

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Bools = npt.NDArray[np.bool_]


def table_piles(
    table: pd.DataFrame, charging: Charging, ids: npt.NDArray[np.object_]
) -> tuple[Ints, tuple[Said, ...], list[str]]:
    """
    Read how many piles of each type the rows of a table have.

    Piles by type count as they are; what `piles_ac`, `piles_dc` and `piles` name beyond them gets
    the type of that current whose power is nearest to what the row's `kw` leaves for each, or the
    usual type where the row gives no power.

    Parameters
    ----------
    table
        With any of `piles_<type id>`, `piles_ac`, `piles_dc`, `piles` and `kw`.
    charging
        Pile types.
    ids
        What to call the rows, shape (n,).

    Returns
    -------
    piles, notes, problems
        Shape (n, pile types); what was assumed; what can't be right, each with its row.
    """
    problems: list[str] = []
    types = [pile.id for pile in charging.piles]
    kw = np.array([pile.kw for pile in charging.piles])
    direct = np.array([pile.current == "dc" for pile in charging.piles])
    named = [_count(table, f"piles_{name}", ids, problems) for name in types]
    piles = np.column_stack([np.nan_to_num(column) for column in named]).astype(np.int64)
    power = numbers_of(table, "kw", ids, problems)
    assumed = 0
    usual = usual_type(charging)
    groups = (
        ("piles_ac", ~direct, int(np.argmin(kw))),
        ("piles_dc", direct, usual),
        ("piles", np.ones(len(kw), dtype=np.bool_), usual),
    )
    for name, among, otherwise in groups:
        total = _count(table, name, ids, problems)
        rest = np.where(np.isfinite(total), total - piles[:, among].sum(axis=1), 0.0)
        over = np.flatnonzero(rest < 0)
        problems += [
            f"{ids[n]}: more piles by type than {name} {total[n]:g}" for n in over.tolist()
        ]
        rest = np.maximum(rest, 0.0).astype(np.int64)
        if not rest.any():
            continue
        kind, guessed = _type_of(rest, power - piles @ kw, kw, among, otherwise)
        assumed += int((rest > 0)[guessed].sum())
        piles[np.arange(len(rest)), kind] += rest
    if assumed:
        what = types[usual]
        en = f"{assumed:,} stations in operation don't say what type their piles are: {what}"
        return piles, (Said(f"{assumed:,} 座现有站未说明桩型，按 {what} 计", en),), problems
    return piles, (), problems


def _type_of(
    rest: Ints, power_kw: Floats, kw: Floats, among: Bools, otherwise: int
) -> tuple[Ints, Bools]:
    """Choose the type nearest to the power a pile; also the rows whose power doesn't say."""
    each = np.divide(power_kw, rest, out=np.full(len(rest), np.nan), where=rest > 0)
    told = np.isfinite(each) & (each > 0)
    gap = np.abs(np.nan_to_num(each)[:, None] - kw[None])
    gap[:, ~among & among.any()] = np.inf
    return np.where(told, gap.argmin(axis=1), otherwise).astype(np.int64), ~told


def usual_type(charging: Charging) -> int:
    """Return the position of the type that piles of an unknown type are."""
    ids = [pile.id for pile in charging.piles]
    asked = charging.existing.pile_type
    if asked:
        return ids.index(asked)
    direct = [n for n, pile in enumerate(charging.piles) if pile.current == "dc"]
    return direct[0] if direct else 0


def texts(table: pd.DataFrame, name: str) -> npt.NDArray[np.object_]:
    """Return a column as text without blanks around it, "" where there is none."""
    if name not in table:
        return np.full(len(table), "", dtype=object)
    values = [
        "" if pd.isna(v) else f"{v:.12g}" if isinstance(v, float) else str(v).strip()
        for v in table[name].tolist()
    ]
    return np.array(values, dtype=object)


def numbers_of(
    table: pd.DataFrame, name: str, ids: npt.NDArray[np.object_], problems: list[str]
) -> Floats:
    """Return a column as numbers >= 0, NaN where empty; what is neither goes into `problems`."""
    if name not in table:
        return np.full(len(table), np.nan)
    text = pd.Series(texts(table, name))
    numbers = pd.to_numeric(text.where(text != ""), errors="coerce").to_numpy(dtype=float)
    bad = np.flatnonzero((np.isnan(numbers) & (text != "").to_numpy()) | (numbers < 0))
    problems += [f"{ids[n]}: {name} {text.iloc[n]}" for n in bad.tolist()]
    return numbers


def _count(
    table: pd.DataFrame, name: str, ids: npt.NDArray[np.object_], problems: list[str]
) -> Floats:
    """Return a column as whole numbers, NaN where empty."""
    numbers = numbers_of(table, name, ids, problems)
    bad = np.flatnonzero(np.isfinite(numbers) & (numbers != np.round(numbers)))
    problems += [f"{ids[n]}: {name} {numbers[n]:g} is no whole number" for n in bad.tolist()]
    return numbers
