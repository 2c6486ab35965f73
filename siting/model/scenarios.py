"""Scenarios of a planning model: named overrides, and what is composed of them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints, model_validator

from siting.model.figures import Part

Name = Annotated[str, StringConstraints(pattern=r"^[\w-]{1,32}$")]
"""Name of an override or a scenario; it becomes part of file names."""


class Scenarios(Part):
    """Named overrides and the scenarios that they are composed into."""

    overrides: dict[Name, dict[str, Any]] = Field(default_factory=dict)
    """Values that replace the model's, nested as in the YAML, by name."""
    runs: dict[Name, tuple[Name, ...]] = Field(default_factory=dict)
    """Scenarios: the overrides that each is composed of, a later one over an earlier."""
    grid: tuple[Annotated[tuple[Name, ...], Field(min_length=1)], ...] = ()
    """Lists of overrides; every choice of one from each list is a scenario, `dear-north`."""

    @model_validator(mode="after")
    def _known(self) -> Scenarios:
        used = [name for names in (*self.runs.values(), *self.grid) for name in names]
        unknown = sorted(set(used) - self.overrides.keys())
        if unknown:
            known = ", ".join(self.overrides) or "none"
            raise ValueError(f"there is no override {', '.join(unknown)}. Overrides: {known}")
        return self
