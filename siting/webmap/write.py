"""Write the map of a plan: one HTML file, Folium and Leaflet inside, no request at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from siting.errors import OutputError
from siting.files import replacing
from siting.said import same, told
from siting.text import clip, json_for_script
from siting.webmap.content import map_data
from siting.webmap.page import ASSET, DATA_SLOT, asset_text, compose_page
from siting.webmap.tiles import shifted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from siting.plan import Plan
    from siting.webmap.tiles import Tiles

SCRIPTS = (
    "core.js",
    "time.js",
    "serving.js",
    "basemap.js",
    "stations.js",
    "hydrogen.js",
    "testroads.js",
    "roadside.js",
    "tiles.js",
    "joint.js",
    "panel.js",
    "card.js",
    "dropped.js",
    "legend.js",
    "main.js",
)
"""The page's own scripts, in the order in which they run."""


def write_map(  # noqa: PLR0913
    plan: Plan,
    path: Path,
    *,
    title_zh: str | None = None,
    title_en: str | None = None,
    attribution: str | None = None,
    synthetic: bool | None = None,
    approval: str | None = None,
    schemes: Mapping[str, Plan] | None = None,
    tiles: Tiles | None = None,
) -> None:
    """
    Write the map of a plan as one HTML file that opens with no network.

    Parameters
    ----------
    plan
        The plan, EPSG:4326.
    path
        The file; it appears whole or not at all.
    title_zh, title_en
        Titles in both languages; one may be empty. Default: the run record's.
    attribution
        Credit line of the map data, shown at the foot of the map. Default: the run record's.
    synthetic
        True when the roads and facilities are invented; the map says so. Default: what the run
        record says, and true where it says nothing.
    approval
        Map approval number (审图号) that the user obtained; empty: the map says that it is an
        internal working map, not approved for publication. Default: the run record's.
    schemes
        Other plans of the same area by name, which the map can switch to; `plan` is called A, or
        by the first name when its plan is `plan` itself.
    tiles
        Tiles under the layers, which the page then asks for; default: none, and no request. Where
        they lie in a shifted datum the page is of the shifted plan.

    Raises
    ------
    OutputError
        The file can't be written, the plan's tables don't belong together, or a scheme is of
        another area.
    """
    if tiles is not None and tiles.datum != "wgs84":
        first = plan
        plan = shifted(plan, tiles.datum)
        schemes = {
            name: plan if other is first else shifted(other, tiles.datum)
            for name, other in (schemes or {}).items()
        }
    data = page_data(plan, title_zh=title_zh, title_en=title_en, attribution=attribution)
    data["synthetic"] = bool(
        plan.run.get("synthetic_roads", True) if synthetic is None else synthetic
    )
    number = plan.run.get("approval", "") if approval is None else approval
    data["approval"] = clip(str(number or ""), 120)
    add_schemes(data, plan, schemes or {})
    data["tiles"] = None if tiles is None else tiles.page()
    write_page(data, path, images=() if tiles is None else tiles.allowed)


def page_data(
    plan: Plan,
    *,
    title_zh: str | None = None,
    title_en: str | None = None,
    attribution: str | None = None,
) -> dict[str, Any]:
    """Return what a page of one plan holds; parameters as `write_map`."""
    run = plan.run
    titles = {
        "zh": run.get("title_zh", "") if title_zh is None else title_zh,
        "en": run.get("title_en", "") if title_en is None else title_en,
    }
    data = map_data(plan)
    data["title"] = {language: clip(str(title or ""), 120) for language, title in titles.items()}
    if not any(data["title"].values()):
        data["title"]["zh"] = clip(str(run.get("model", "siting")), 120)
    credit = (
        told({"attribution": "", **run}, "attribution")
        if attribution is None
        else same(attribution)
    )
    data["attribution"] = [clip(credit.zh, 300), clip(credit.en, 300)]
    data["strings"] = json.loads(asset_text("strings.json"))
    return data


def add_schemes(data: dict[str, Any], plan: Plan, schemes: Mapping[str, Plan]) -> None:
    """
    Put other plans on a page: of each what differs from the first.

    Raises
    ------
    OutputError
        A scheme has other districts.
    """
    names = list(schemes)
    data["scheme"] = clip(names[0] if names and schemes[names[0]] is plan else "A", 40)
    data["schemes"] = []
    for name, other in schemes.items():
        if other is plan:
            continue
        if list(other.districts["district_id"]) != list(plan.districts["district_id"]):
            raise OutputError(
                "a scheme of another area can't be on this map",
                value=name,
                cure="Give runs of one model",
            )
        differs = {key: value for key, value in map_data(other).items() if value != data[key]}
        data["schemes"].append({"name": clip(name, 40), "data": differs})


def write_page(data: dict[str, Any], path: Path, *, images: tuple[str, ...] = ()) -> None:
    """Write a page of what `page_data` holds, whole or not at all."""
    page = compose_page(_rendered(data["bounds"]), json_for_script(data), images=images)
    with replacing(path) as part:
        part.write_text(page, encoding="utf-8", newline="\n")


def _rendered(bounds: list[float]) -> str:
    """Return Folium's page with `asset:` addresses and a slot for the data; it holds no data."""
    import folium  # noqa: PLC0415  (slow to import)
    from branca.element import MacroElement  # noqa: PLC0415
    from jinja2 import Template  # noqa: PLC0415

    west, south, east, north = bounds
    chart = folium.Map(
        location=((south + north) / 2, (west + east) / 2),
        tiles=None,
        prefer_canvas=True,
        zoom_start=9,
        zoom_control=False,
        attribution_control=False,
        max_zoom=18,
        zoom_snap=0.25,
        wheel_px_per_zoom_level=100,
    )
    # Folium's own list has nine more files on four hosts, none of which a packed layer needs.
    chart.default_js = [("leaflet", f"{ASSET}leaflet/leaflet.js")]
    chart.default_css = [("leaflet_css", f"{ASSET}leaflet/leaflet.css")]
    scripts = "".join(f'<script src="{ASSET}{name}"></script>' for name in SCRIPTS)
    layer = MacroElement()  # type: ignore[no-untyped-call]
    layer._name = "PackedLayer"  # noqa: SLF001  (Folium's way to add a layer)
    layer._template = Template(  # noqa: SLF001
        "{% macro header(this, kwargs) %}"
        f'<link rel="stylesheet" href="{ASSET}map.css">'
        "{% endmacro %}{% macro html(this, kwargs) %}"
        f"{asset_text('map.html')}{DATA_SLOT}{scripts}"
        "{% endmacro %}{% macro script(this, kwargs) %}"
        "siting.mount({{ this._parent.get_name() }});"
        "{% endmacro %}"
    )
    layer.add_to(chart)
    # Random names would make two maps of one plan differ.
    chart._id, layer._id = "siting", "layer"  # noqa: SLF001
    html: str = chart.get_root().render()
    return html
