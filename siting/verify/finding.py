"""One thing that was recomputed, and how findings are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was recomputed; `ok` is False where the plan claims something else."""

    check: str
    ok: bool
    claimed: str
    recomputed: str


def failures(findings: tuple[Finding, ...]) -> tuple[str, ...]:
    """Name each finding that is not ok, one sentence each."""
    return tuple(
        f"{f.check}: the plan says {f.claimed}, recomputed {f.recomputed}"
        for f in findings
        if not f.ok
    )


def same(check: str, claimed: float, recomputed: float, tolerance: float = 0.0) -> Finding:
    """Hold that a figure is what it is said to be, within a relative tolerance."""
    ok = bool(abs(claimed - recomputed) <= tolerance * max(1.0, abs(recomputed)))
    return Finding(check, ok, f"{claimed:,.6g}", f"{recomputed:,.6g}")


def none(check: str, bad: pd.Series[Any] | pd.Index[Any] | npt.NDArray[Any]) -> Finding:
    """Hold that a list of offenders is empty."""
    values = list(bad)
    shown = ", ".join(str(value) for value in values[:5])
    return Finding(check, not values, "none", f"{len(values)}: {shown}" if values else "none")
