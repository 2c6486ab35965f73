"""The evidence behind a bound: the programme's arrays and the multipliers, as one plain file."""

from __future__ import annotations

import zipfile
from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from siting.errors import InputError
from siting.structures import Building, Connected, Sizing, segment_groups

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

    from siting.core.outcome import Outcome
    from siting.programme import Programme

Arrays = "Mapping[str, npt.NDArray[np.generic]]"
DUAL = "dual_"
"""Prefix of the multipliers."""


def evidence(programme: Programme, outcome: Outcome) -> dict[str, npt.NDArray[np.generic]]:
    """
    Gather what a bound can be recomputed from.

    Parameters
    ----------
    programme
        The programme with its `Sizing`.
    outcome
        Its `certificate` holds the multipliers.

    Returns
    -------
    arrays
        Every field of the `Sizing` by name, a CSR as `name.data`, `name.indices`, `name.indptr`;
        the `groups` of segments that share piles and the `group_types` that serve any of them;
        the multipliers as `dual_<name>`. Empty where the route left no multipliers.
    """
    sizing = programme.structure
    if not isinstance(sizing, Sizing) or not outcome.certificate:
        return {}
    arrays = _fields(sizing)
    arrays["groups"], arrays["group_types"] = segment_groups(sizing.serves)
    for name, values in outcome.certificate.items():
        arrays[f"{DUAL}{name}"] = np.asarray(values, dtype=np.float64)
    return arrays


def connected_evidence(
    programme: Programme, outcome: Outcome, prefix: str
) -> dict[str, npt.NDArray[np.generic]]:
    """
    Gather what the bound of connected corridors can be recomputed from.

    Parameters
    ----------
    programme
        The programme with its `Connected`.
    outcome
        Its `certificate` holds the multipliers.
    prefix
        What every name begins with, before a slash.

    Returns
    -------
    arrays
        Every field of the `Connected` by name, a CSR as `name.data`, `name.indices`,
        `name.indptr`; the multipliers by their own names (`0/link`, the part first). Empty where
        the route left no multipliers.
    """
    connected = programme.structure
    if not isinstance(connected, Connected) or not outcome.certificate:
        return {}
    arrays = _fields(connected)
    arrays["row_name"] = np.array(connected.row_name, dtype=np.str_)
    arrays |= {name: np.asarray(values) for name, values in outcome.certificate.items()}
    return {f"{prefix}/{name}": values for name, values in arrays.items()}


def building_evidence(
    programme: Programme, outcome: Outcome, prefix: str = "roadside"
) -> dict[str, npt.NDArray[np.generic]]:
    """
    Gather what the bound of built area can be recomputed from.

    Parameters
    ----------
    programme
        The programme with its `Building`.
    outcome
        Its `certificate` holds the multipliers.
    prefix
        What every name begins with, before a slash.

    Returns
    -------
    arrays
        Every field of the `Building` by name, a CSR as `name.data`, `name.indices`,
        `name.indptr`; the multipliers as `dual_<name>`. Empty where the route left no multipliers.
    """
    building = programme.structure
    if not isinstance(building, Building) or not outcome.certificate:
        return {}
    arrays = _fields(building)
    arrays |= {f"{DUAL}{name}": np.asarray(values) for name, values in outcome.certificate.items()}
    return {f"{prefix}/{name}": values for name, values in arrays.items()}


def _fields(structure: Sizing | Connected | Building) -> dict[str, npt.NDArray[np.generic]]:
    """Return every field as arrays by name, a CSR as its three."""
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    for field in fields(structure):
        value = getattr(structure, field.name)
        if isinstance(value, csr_array):
            arrays[f"{field.name}.data"] = value.data
            arrays[f"{field.name}.indices"] = value.indices
            arrays[f"{field.name}.indptr"] = value.indptr
        else:
            arrays[field.name] = np.asarray(value)
    return arrays


def write_evidence(path: Path, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
    """Write evidence as a compressed npz file."""
    with path.open("wb") as file:
        np.savez_compressed(file, **dict(arrays))  # type: ignore[arg-type]


def read_evidence(path: Path) -> dict[str, npt.NDArray[np.generic]]:
    """
    Read evidence; no object of it is unpickled.

    Raises
    ------
    InputError
        The file is missing or is not such a file.
    """
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return {name: np.asarray(file[name]) for name in file.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise InputError(
            "the evidence of the bound can't be read", where=path, value=error
        ) from error
