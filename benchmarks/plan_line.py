"""
Time the whole line by stage: one JSON object for the run, with seconds and peak memory.

    python benchmarks/plan_line.py                 # Jinan on the sample city
    python benchmarks/plan_line.py --roads FILE    # on real roads
    python benchmarks/plan_line.py --quick         # Zibo, a smaller city, in a minute
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from pathlib import Path

from siting.clock import Event, peak_memory_mb
from siting.pipeline import plan


def main() -> None:
    """Plan once and print where the time and the memory went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="jinan")
    parser.add_argument("--roads", type=Path)
    parser.add_argument("--out", type=Path, help="keeps the run; else it is thrown away")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    model = "zibo" if asked.quick else asked.model
    overrides = {"sources": {"roads": str(asked.roads.resolve())}} if asked.roads else {}
    peaks_mb: dict[str, float] = {}

    def watch(event: Event) -> None:
        """Note the high-water mark of memory, children included, when a stage ends."""
        if math.isfinite(event.seconds):
            peaks_mb[event.stage] = round(peak_memory_mb(), 1)

    with tempfile.TemporaryDirectory() as folder:
        out = asked.out or Path(folder)
        run = plan(model, out=out, overrides=overrides, report=watch).plan.run
    print(
        json.dumps(
            {
                "case": f"{model} on {'real roads' if asked.roads else 'the sample city'}",
                "route": run["route"],
                "seconds": run["seconds"],
                "peak_mb": max(run["peak_memory_mb"], *peaks_mb.values()),
                "peak_mb_after_stage": peaks_mb,
                "objective": run["objective"],
                "bound": run["bound"],
                "gap": run["gap"],
                "stations": run["totals"]["stations"],
                "piles": run["totals"]["piles"],
            }
        )
    )


if __name__ == "__main__":
    main()
