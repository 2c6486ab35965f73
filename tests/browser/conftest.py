"""Headless Chromium with no network, and maps opened in it with everything they do on record."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from plans import make_plan

from siting.webmap import write_map

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

    from siting.plan import Plan

CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
# Reads a pane's canvas by way of a copy, because reading it itself would change how it is drawn.
LOOK = """window.look = pane => {
    const canvas = document.querySelector(`.leaflet-siting-${pane}-pane canvas`);
    const copy = new OffscreenCanvas(canvas.width, canvas.height);
    const ink = copy.getContext('2d', { willReadFrequently: true });
    ink.drawImage(canvas, 0, 0);
    const box = canvas.getBoundingClientRect();
    const { map } = siting.app, home = map.getContainer().getBoundingClientRect();
    return {
        all: () => ink.getImageData(0, 0, canvas.width, canvas.height).data,
        place: (lon, lat) => {
            const p = map.latLngToContainerPoint([lat, lon]);
            return [p.x + home.x, p.y + home.y];
        },
        at(lon, lat) {
            const [x, y] = this.place(lon, lat);
            const d = Array.from(ink.getImageData(x - box.x, y - box.y, 1, 1).data);
            return '#' + d.slice(0, 3).map(v => v.toString(16).padStart(2, '0')).join('');
        },
    };
};"""
DESKTOP, PHONE = (1440, 900), (390, 844)


@dataclass
class Opened:
    """A page with what it asked for and what it complained of."""

    page: Page
    plan: Plan
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def texts(self, selector: str) -> list[str]:
        """Return the text of every element that matches, as the page has it."""
        script = "s => Array.from(document.querySelectorAll(s), n => n.textContent)"
        found: list[str] = self.page.evaluate(script, selector)
        return found

    def text(self, selector: str) -> str:
        """Return the text of the one element that matches."""
        (found,) = self.texts(selector)
        return found

    def settle(self) -> None:
        """Wait until what was asked to be painted is painted."""
        self.page.evaluate(
            "() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))"
        )

    def choose(self, row: int) -> None:
        """Choose a station by its row."""
        self.page.evaluate("row => siting.app.choose('station', row)", row)

    def fields(self) -> dict[str, str]:
        """Return the card's rows: field name to shown value."""
        script = """() => Object.fromEntries(Array.from(document.querySelectorAll(
            '.s-card [data-field]'), n => [n.dataset.field, n.querySelector('dd').textContent]))"""
        found: dict[str, str] = self.page.evaluate(script)
        return found


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Start Chromium once, or skip with the reason."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright isn't installed")
    path = next((name for name in CHROMIUM if Path(name).exists()), shutil.which("chromium"))
    if path is None:
        pytest.skip("no Chromium on this machine")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def open_page(chromium: Browser) -> Iterator[Callable[..., Opened]]:
    """Return a function that opens the map of a plan with the network off."""
    contexts = []

    def opened(path: Path, plan: Plan, size: tuple[int, int] = DESKTOP) -> Opened:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]},
            offline=True,
            has_touch=size == PHONE,
            is_mobile=size == PHONE,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.add_init_script(LOOK)
        found = Opened(page, plan)
        page.on("request", lambda request: found.requests.append(request.url))
        page.on("pageerror", lambda error: found.complaints.append(f"error: {error}"))
        page.on("console", lambda said: found.complaints.append(f"{said.type}: {said.text}"))
        page.on("dialog", lambda dialog: (found.complaints.append("dialog"), dialog.dismiss()))
        page.goto(path.as_uri())
        page.wait_for_selector("#siting[data-ready=true]", state="attached")
        found.settle()
        return found

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def open_map(
    open_page: Callable[..., Opened], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Opened]:
    """Return a function that writes the map of a plan and opens it with the network off."""

    def opened(
        plan: Plan | None = None, *, size: tuple[int, int] = DESKTOP, **words: Any
    ) -> Opened:
        plan = plan or make_plan()
        path = tmp_path_factory.mktemp("map") / "index.html"
        write_map(plan, path, **words)
        return open_page(path, plan, size)

    return opened
