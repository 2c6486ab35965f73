"""Fixtures that several test modules share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from siting.pipeline import Published


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """Plan the tiny town once for all tests that only read the run."""
    # Imported here so that tests of the lower floors run without the whole line.
    from tiny import write_model  # noqa: PLC0415

    from siting.pipeline import plan  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("tiny")
    return plan(write_model(folder), out=folder / "maps")
