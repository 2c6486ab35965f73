"""One page of its own: whole assets, no address outside, a policy that names each script."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from importlib import resources
from pathlib import Path

import folium
import pytest

from siting.errors import OutputError
from siting.webmap import page
from siting.webmap.page import ASSET, DATA_SLOT, asset_text, compose_page, refuse_remote

SHELL = f"<html><head></head><body>{DATA_SLOT}<script>let a = 1;</script></body></html>"


def test_vendored_files_are_those_of_the_manifest_and_what_folium_expects() -> None:
    manifest = json.loads(asset_text("manifest.json"))
    root = resources.files("siting").joinpath("assets")
    files = {
        str(path.relative_to(Path(str(root))))
        for path in Path(str(root)).joinpath("leaflet").rglob("*")
        if path.is_file()
    }
    assert files == set(manifest["sha256"])
    for name, digest in manifest["sha256"].items():
        assert hashlib.sha256(root.joinpath(name).read_bytes()).hexdigest() == digest
    assert f"leaflet@{manifest['leaflet']}/" in dict(folium.Map.default_js)["leaflet"]
    assert f'version="{manifest["leaflet"]}"' in asset_text("leaflet/leaflet.js")


def test_a_changed_vendored_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assets = tmp_path / "assets"
    shutil.copytree(str(resources.files("siting").joinpath("assets")), assets)
    (assets / "leaflet/leaflet.js").write_text("alert(1)", encoding="utf-8")
    monkeypatch.setattr(page.resources, "files", lambda _: tmp_path)
    with pytest.raises(OutputError, match="was changed"):
        asset_text("leaflet/leaflet.js")
    (assets / "leaflet/leaflet.js").unlink()
    with pytest.raises(OutputError, match="missing"):
        asset_text("leaflet/leaflet.js")


def test_the_policy_names_exactly_the_scripts_of_the_page() -> None:
    html = compose_page(
        SHELL.replace("<head>", f'<head><script src="{ASSET}core.js"></script>'), "{}"
    )
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy
    assert policy[1].startswith("default-src 'none'; ")
    assert "unsafe" not in policy[1]
    bodies = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    assert len(bodies) == 2
    want = {base64.b64encode(hashlib.sha256(b.encode()).digest()).decode() for b in bodies}
    scripts = policy[1].partition("script-src ")[2].partition(";")[0]
    assert set(re.findall(r"'sha256-([^']+)'", scripts)) == want


def test_the_policy_comes_before_anything_that_runs() -> None:
    html = compose_page(SHELL, "{}")
    assert html.index("Content-Security-Policy") < html.index("<script")


@pytest.mark.parametrize(
    "markup",
    [
        '<script src="https://a.example/x.js"></script>',
        "<script src=//a.example/x.js></script>",
        '<script src="x.js"></script>',
        '<link rel="stylesheet" href="https://a.example/x.css">',
        "<IMG SRC='http://a.example/x.png'>",
        '<img srcset="//a.example/x.png 2x">',
        '<a href="https://a.example">x</a>',
        '<a href="java&#115;cript:alert(1)">x</a>',
        '<form action="/x"></form>',
        '<svg><use xlink:href="//a.example/x#y"/></svg>',
        '<div style="background: url(//a.example/x.png)"></div>',
        "<style>div { background: url( 'https://a.example/x.png' ) }</style>",
        "<style>@import 'x.css';</style>",
        '<meta http-equiv="refresh" content="0; url=//a.example">',
    ],
)
def test_an_address_outside_is_refused(markup: str) -> None:
    with pytest.raises(OutputError, match="outside"):
        compose_page(SHELL.replace("<body>", f"<body>{markup}"), "{}")


def test_fragments_and_data_uris_are_no_addresses_outside() -> None:
    refuse_remote('<a href="#top">x</a><img src="data:image/png;base64,AAAA">')
    refuse_remote("<style>i { behavior: url(#default#VML) }</style>")


@pytest.mark.parametrize("data", ["<", "</script>", "a & b", "-->"])
def test_data_that_could_leave_their_element_are_refused(data: str) -> None:
    with pytest.raises(OutputError, match="safe place"):
        compose_page(SHELL, json.dumps(data))


@pytest.mark.parametrize("slots", [0, 2])
def test_a_page_has_one_place_for_its_data(slots: int) -> None:
    with pytest.raises(OutputError, match="safe place"):
        compose_page(SHELL.replace(DATA_SLOT, DATA_SLOT * slots), "{}")


def test_data_pass_no_template() -> None:
    html = compose_page(SHELL, json.dumps("{{ 7*7 }} {% raise %} \\1 \\g<0>".replace("<0>", "")))
    assert "{{ 7*7 }} {% raise %}" in html


def test_an_asset_cannot_end_its_own_element(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assets = tmp_path / "assets"
    assets.mkdir()
    (assets / "manifest.json").write_text('{"sha256": {}}', encoding="utf-8")
    (assets / "a.js").write_text('x = "</SCRIPT><script><!--";', encoding="utf-8")
    monkeypatch.setattr(page.resources, "files", lambda _: tmp_path)
    html = compose_page(SHELL.replace("<body>", f'<body><script src="{ASSET}a.js"></script>'), "{}")
    assert r'x = "\x3c/SCRIPT>\x3cscript>\x3c!--";' in html
