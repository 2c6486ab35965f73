"""
Measure the map page: seconds to write, size, and seconds to open in headless Chromium, offline.

    python benchmarks/webmap.py            # a city and a whole municipality
    python benchmarks/webmap.py --quick    # the city: 5,000 stations, 20,000 road sections

Prints one JSON object a case. `open_seconds` runs from navigation to the painted map; the zoom
is from the whole area to street level, repainted.
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from siting.webmap import write_map

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from browser.conftest import CHROMIUM, FLAGS
from plans import make_plan

CASES = {"city": (5_000, 101, 3_000), "municipality": (5_000, 275, 8_000)}
"""Stations, streets each way, demand cells."""
PAINTED = "() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))"


def measure(case: str, folder: Path) -> dict[str, object]:
    """Write and open one map."""
    stations, streets, cells = CASES[case]
    plan = make_plan(stations=stations, streets=streets, cells=cells, hostile=False)
    path = folder / f"{case}.html"
    begin = time.perf_counter()
    write_map(plan, path)
    written = time.perf_counter() - begin
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    text = path.read_bytes()
    return {
        "case": f"{case}: {stations} stations, {len(plan.roads)} sections, {cells} cells",
        "route": "packed canvas",
        "seconds": round(written, 2),
        "peak_mb": round(peak_mb),
        "html_mb": round(len(text) / 1e6, 2),
        "gzip_mb": round(len(gzip.compress(text)) / 1e6, 2),
        **opened(path),
    }


def opened(path: Path) -> dict[str, float]:
    """Open a map with the network off and zoom once."""
    found = next(name for name in CHROMIUM if Path(name).exists())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        page = browser.new_context(viewport={"width": 1440, "height": 900}, offline=True).new_page()
        begin = time.perf_counter()
        page.goto(path.as_uri())
        page.wait_for_selector("#siting[data-ready=true]", state="attached", timeout=120_000)
        page.evaluate(PAINTED)
        ready = time.perf_counter() - begin
        begin = time.perf_counter()
        page.evaluate("() => siting.app.map.setZoom(14, { animate: false })")
        page.evaluate(PAINTED)
        zoomed = time.perf_counter() - begin
        heap = page.evaluate("() => performance.memory.usedJSHeapSize / 1e6")
        browser.close()
    return {
        "open_seconds": round(ready, 2),
        "zoom_seconds": round(zoomed, 2),
        "heap_mb": round(heap),
    }


def main() -> None:
    """Measure each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only the city")
    cases = ["city"] if parser.parse_args().quick else list(CASES)
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            print(json.dumps(measure(case, Path(folder))))


if __name__ == "__main__":
    main()
