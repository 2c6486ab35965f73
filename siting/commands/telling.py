"""What commands print while they work."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from siting.units import gap_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from siting.clock import Event

STAGES = {
    "read": "reading the map and the districts",
    "network": "building the network",
    "reach": "demand, candidate sites and reach",
    "solve": "solving",
    "check": "checking the plan independently",
    "publish": "writing the run folder",
}


def stage_teller(console: Console) -> Callable[[Event], None]:
    """Return a listener that prints each stage, its time and each sentence, but no gaps."""

    def tell(event: Event) -> None:
        if event.text:
            console.print(f"  {event.text}", markup=False)
        elif event.trace is None and math.isfinite(event.seconds):
            console.print(f"  {event.stage}: {event.seconds:.1f} s", markup=False)
        elif event.trace is None:
            console.print(f"{STAGES.get(event.stage, event.stage)} ...", markup=False)

    return tell


class PlanTeller:
    """Print events: a line a stage, and the gap whenever it has moved."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = math.inf

    def __call__(self, event: Event) -> None:
        """Print an event."""
        if event.trace is not None:
            self._tell_gap(event)
        elif event.text:
            self._console.print(f"  {event.text}", markup=False)
        elif math.isfinite(event.seconds):
            self._console.print(f"  {event.stage}: {event.seconds:.1f} s", markup=False)
        else:
            self._console.print(f"{STAGES.get(event.stage, event.stage)} ...", markup=False)

    def _tell_gap(self, event: Event) -> None:
        point = event.trace
        if point is None or not (math.isfinite(point.objective) and math.isfinite(point.bound)):
            return
        gap = abs(point.bound - point.objective) / max(abs(point.objective), 1e-9)
        if gap < self._last * 0.9:
            self._last = gap
            self._console.print(
                f"  {point.seconds:6.1f} s  plan {point.objective:,.0f}  bound {point.bound:,.0f}"
                f"  gap {gap_text(gap, 'en')}",
                markup=False,
            )
