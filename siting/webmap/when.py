"""When the rows of a layer are built: a year each, or else the number of a batch."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import numpy.typing as npt

_YEAR = re.compile(r"(?<!\d)(?:19|20|21)\d\d(?!\d)")


def built_when(frame: pd.DataFrame) -> dict[str, Any] | None:
    """
    Tell when each row of a layer is built, from whatever column of it says so.

    Parameters
    ----------
    frame
        With `year`; or `phase_name` that holds a year ("2025年"); or `phase` or `batch`, numbered.

    Returns
    -------
    when
        `unit` (`year` | `batch`) and `step`, an integer a row, 0 for what is there from the start;
        None where no column tells.
    """
    year = _years(frame)
    if year is not None and (year > 0).any():
        return {"unit": "year", "step": year.tolist()}
    for name in ("phase", "batch"):
        if name in frame:
            step = pd.to_numeric(frame[name], errors="coerce").fillna(0).astype(int)
            if (step > 0).any():
                return {"unit": "batch", "step": step.tolist()}
    return None


def _years(frame: pd.DataFrame) -> npt.NDArray[np.int64] | None:
    if "year" in frame:
        return pd.to_numeric(frame["year"], errors="coerce").fillna(0).to_numpy(dtype=np.int64)
    if "phase_name" not in frame:
        return None
    found = [_YEAR.search(str(name)) for name in frame["phase_name"]]
    return np.array([0 if match is None else int(match[0]) for match in found], dtype=np.int64)
