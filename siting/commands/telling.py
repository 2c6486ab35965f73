"""What commands print while they work."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from siting.clock import Event


def stage_teller(console: Console) -> Callable[[Event], None]:
    """Return a listener that prints each stage's time and each sentence, but no gaps."""

    def tell(event: Event) -> None:
        if event.text:
            console.print(f"  {event.text}", markup=False)
        elif event.trace is None and math.isfinite(event.seconds):
            console.print(f"  {event.stage}: {event.seconds:.1f} s", markup=False)

    return tell
