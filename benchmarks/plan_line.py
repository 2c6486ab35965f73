"""
Time the whole line by stage: one JSON object for the run, with seconds and peak memory.

    python benchmarks/plan_line.py                 # Jinan on the sample city
    python benchmarks/plan_line.py --roads FILE    # on real roads
    python benchmarks/plan_line.py --quick         # Zibo, a smaller city, in a minute
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

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
    with tempfile.TemporaryDirectory() as folder:
        run = plan(model, out=asked.out or Path(folder), overrides=overrides).plan.run
    print(
        json.dumps(
            {
                "case": f"{model} on {'real roads' if asked.roads else 'the sample city'}",
                "route": run["route"],
                "seconds": run["seconds"],
                "peak_mb": run["peak_memory_mb"],
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
