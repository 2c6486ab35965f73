"""Fixtures that several test modules share."""

from __future__ import annotations

import pytest
from tiny import write_model

from siting.pipeline import Published, plan


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """Plan the tiny town once for all tests that only read the run."""
    folder = tmp_path_factory.mktemp("tiny")
    return plan(write_model(folder), out=folder / "maps")
