"""The documentation opened as files searches with no network and asks for nothing."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).parents[2]
# Types as a person does; the field shows itself only once the search is open.
TYPE = """text => {
    const field = document.querySelector('.md-search__input');
    field.focus();
    field.value = text;
    field.dispatchEvent(new KeyboardEvent('keyup', { bubbles: true }));
    field.dispatchEvent(new Event('input', { bubbles: true }));
}"""


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("word", ["piles", "充电站"])
def test_search_finds_pages_in_a_site_opened_as_a_file(
    chromium: Browser, site: Path, word: str
) -> None:
    context = chromium.new_context(offline=True)
    page = context.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text))
    page.goto((site / "tours" / "gis.html").as_uri())
    page.evaluate("document.querySelector('#__search').click()")
    page.evaluate(TYPE, word)
    page.wait_for_selector(".md-search-result__link", state="attached", timeout=30_000)
    found = page.locator(".md-search-result__link").first.get_attribute("href")
    context.close()
    assert found is not None
    assert found.startswith("file:")
    assert not complaints
    assert not [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site once, where mkdocs is installed."""
    if importlib.util.find_spec("mkdocs") is None:
        pytest.skip("mkdocs isn't installed: python3 bootstrap.py docs installs it")
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir"]
    subprocess.run([*command, str(out)], cwd=ROOT, check=True, timeout=300)  # noqa: S603
    return out
