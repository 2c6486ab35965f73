"""Fixtures that several test modules share."""

from __future__ import annotations

import fcntl
import os
import pickle
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from siting.pipeline import Published


def planned_once(
    factory: pytest.TempPathFactory, name: str, write: Callable[[Path], Path]
) -> Published:
    """
    Plan a town once for all processes of a test run: the first plans, the others read its run.

    Parameters
    ----------
    factory
        Of the process; the workers of one run have one folder above theirs in common.
    name
        Of the town.
    write
        Writes the town and its model into a folder; returns the model's path.
    """
    # Imported here so that tests of the lower floors run without the whole line.
    from siting.pipeline import plan  # noqa: PLC0415

    base = factory.getbasetemp()
    common = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, kept = common / f"once-{name}", common / f"once-{name}.pickle"
    with (common / f"once-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            folder.mkdir(exist_ok=True)
            published = plan(write(folder), out=folder / "maps")
            kept.write_bytes(pickle.dumps(published))
        found: Published = pickle.loads(kept.read_bytes())  # noqa: S301  (our own)
    return found


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """Plan the tiny town; tests only read the run."""
    from tiny import write_model  # noqa: PLC0415

    return planned_once(tmp_path_factory, "tiny", write_model)


@pytest.fixture(scope="session")
def road_town(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """Plan the tiny town with twenty kilometres of test roads; tests only read the run."""
    from test_testroads import write_model  # noqa: PLC0415

    return planned_once(tmp_path_factory, "testroads", write_model)


@pytest.fixture(scope="session")
def unit_town(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """Plan the tiny town with roadside units by cells; tests only read the run."""
    from test_roadside import write_model  # noqa: PLC0415

    return planned_once(tmp_path_factory, "roadside", lambda folder: write_model(folder, area=6))


@pytest.fixture(scope="session")
def joint_town(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """Plan the town of all programmes within a tight budget; tests only read the run."""
    from alltown import TIGHT, write_model  # noqa: PLC0415

    return planned_once(tmp_path_factory, "joint", lambda folder: write_model(folder, TIGHT))
