"""The map of a plan: what it shows, packed small, in one page that asks for nothing."""

from __future__ import annotations

from siting.webmap.write import write_map

__all__ = ["write_map"]
