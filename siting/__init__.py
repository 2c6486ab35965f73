"""Plan a city's charging and vehicle-road-cloud infrastructure."""

from __future__ import annotations

__version__ = "0.1.0"
