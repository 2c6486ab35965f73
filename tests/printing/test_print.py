"""Sheets: at a true scale, the same bytes, text kept as text, no letter missing, no name run."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import shapely
from matplotlib.font_manager import fontManager
from plans import HOSTILE, make_plan
from pyproj import Geod

from siting.datum import geometry_to_lonlat, metric_crs
from siting.errors import InputError, OutputError
from siting.printing import print_plan
from siting.printing.fonts import FAMILIES, GETA, chinese_face
from siting.printing.layers import Ground, tints
from siting.printing.layout import SCALES, degrees_text, graticule, lay_out
from siting.text import clip

if TYPE_CHECKING:
    from pathlib import Path

    from siting.pipeline import Published
    from siting.plan import Plan

if not {entry.name for entry in fontManager.ttflist} & set(FAMILIES):
    pytest.skip("no font with Chinese letters on this machine", allow_module_level=True)

A3 = (420.0, 297.0)


def ready(**words: object) -> Plan:
    """Invent a plan with the totals of a run."""
    plan = make_plan(**words)  # type: ignore[arg-type]
    totals = {"served_kwh_day": 48_000.0, "cost_cny": 212_345_678, **plan.run["totals"]}
    return replace(plan, run={**plan.run, "totals": totals})


@pytest.fixture(scope="module")
def svg(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Path]:
    """Print a plan of hostile names as SVG."""
    plan = ready()
    titled = replace(
        plan, run={**plan.run, "title_zh": f"济南 {HOSTILE[1]}", "title_en": HOSTILE[2]}
    )
    path = tmp_path_factory.mktemp("sheet") / "sheet.svg"
    print_plan(titled, path)
    return titled, path


def texts(path: Path) -> list[str]:
    """Return every text element of an SVG."""
    root = ET.fromstring(path.read_text(encoding="utf-8"))  # noqa: S314  (our own file)
    return ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]


def test_text_of_an_svg_is_text_with_every_part_of_a_sheet(svg: tuple[Plan, Path]) -> None:
    found = " ".join(texts(svg[1]))
    for word in (
        "图例",
        "主要指标",
        "目标完成情况",
        "比例尺",
        "北",
        "历下区",
        "内部工作用图",
        "资料来源",
    ):
        assert word in found, word
    assert "© OpenStreetMap contributors, ODbL 1.0" in found
    assert "合成数据" in found
    assert "2.12 亿元" in found
    assert re.search(r"117°\d\d′E", found)


def test_hostile_names_are_only_text_in_an_svg(svg: tuple[Plan, Path]) -> None:
    raw = svg[1].read_text(encoding="utf-8")
    root = ET.fromstring(raw)  # noqa: S314
    names = {node.tag.rpartition("}")[2] for node in root.iter()}
    assert not names & {"script", "image", "foreignObject", "a", "img"}
    assert "onerror" not in {key for node in root.iter() for key in node.attrib}
    assert any(clip(HOSTILE[1]) in text for text in texts(svg[1]))


@pytest.mark.parametrize("form", ["svg", "pdf", "png"])
def test_the_same_plan_gives_the_same_bytes(tmp_path: Path, form: str) -> None:
    plan = ready()
    for name in ("a", "b"):
        print_plan(plan, tmp_path / f"{name}.{form}", size="A4", language="en")
    first, second = ((tmp_path / f"{name}.{form}").read_bytes() for name in ("a", "b"))
    assert first == second
    assert len(first) > 20_000


def test_a_pdf_is_a_sheet_of_its_size_with_text_to_search(tmp_path: Path) -> None:
    print_plan(ready(), tmp_path / "a.pdf")
    raw = (tmp_path / "a.pdf").read_bytes()
    box = re.search(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)", raw)
    assert box is not None
    assert [float(v) / 72 * 25.4 for v in box.groups()] == pytest.approx(A3, abs=0.1)
    assert b"/CreationDate" not in raw
    tool = shutil.which("pdftotext")
    if tool is None:
        pytest.skip("pdftotext isn't installed")
    done = subprocess.run([tool, tmp_path / "a.pdf", "-"], capture_output=True, check=True)  # noqa: S603
    assert "历下区" in done.stdout.decode("utf-8")


def test_a_png_has_300_dots_an_inch(tmp_path: Path) -> None:
    print_plan(ready(), tmp_path / "a.png", size="A4")
    width, height = struct.unpack(">II", (tmp_path / "a.png").read_bytes()[16:24])
    assert sorted((width, height)) == pytest.approx([210 / 25.4 * 300, 297 / 25.4 * 300], abs=1)


@pytest.mark.parametrize(
    "bounds", [(0, 0, 40_000, 45_000), (0, 0, 90_000, 20_000), (5, 5, 905, 1005)]
)
def test_the_map_holds_the_area_at_a_true_scale(bounds: tuple[float, ...]) -> None:
    layout = lay_out(A3, np.array(bounds, dtype=float), (16, 8))
    west, south, east, north = layout.extent
    frame = layout.frame
    assert layout.scale in SCALES
    assert (east - west) / frame.width * 1000 == pytest.approx(layout.scale)
    assert (north - south) / frame.height * 1000 == pytest.approx(layout.scale)
    assert west <= bounds[0]
    assert east >= bounds[2]
    assert south <= bounds[1]
    assert north >= bounds[3]
    for block in (layout.legend, layout.figures, layout.clauses, frame):
        assert block.left > 0
        assert block.right <= layout.width
        assert block.bottom <= layout.height


def test_a_millimetre_of_paper_is_so_much_ground(published: Published) -> None:
    """A line of 100 mm on the map is 100 mm x scale on the ellipsoid, to a thousandth."""
    plan = published.plan
    crs = metric_crs(*plan.districts.total_bounds)
    ground = Ground(plan, crs, np.ones(len(plan.districts), dtype=bool))
    layout = lay_out(A3, np.asarray(shapely.total_bounds(ground.metric(plan.districts))), (16, 8))
    west, south, _, _ = layout.extent
    line = shapely.LineString([(west, south), (west + 0.1 * layout.scale, south)])
    (a, b) = shapely.get_coordinates(geometry_to_lonlat([line], crs))
    _, _, metres = Geod(ellps="WGS84").inv(*a, *b)
    assert metres == pytest.approx(0.1 * layout.scale, rel=1e-3)


def test_graticules_are_round_and_few() -> None:
    lines = graticule(116.93, 117.47, 0.54)
    assert 3 <= len(lines) <= 7
    assert all(abs(value * 60 - round(value * 60)) < 1e-9 for value in lines)
    assert degrees_text(117.25, "E", "W") == "117°15′E"
    assert degrees_text(-0.5125, "N", "S") == "0°30′45″S"


def test_neighbours_never_share_a_tint() -> None:
    cells = np.array(
        [shapely.box(x, y, x + 1, y + 1) for x in range(5) for y in range(5)], dtype=object
    )
    chosen = tints(cells)
    one, other = shapely.STRtree(cells).query(cells, predicate="intersects")
    assert (chosen[one] != chosen[other])[one != other].all()


def test_without_a_chinese_font_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OutputError, match="no font with Chinese"):
        chinese_face(("No Such Font",))
    # A font that is there but has no Chinese is passed over.
    with pytest.raises(OutputError):
        chinese_face(("DejaVu Sans",))
    few = [entry for entry in fontManager.ttflist if entry.name == "DejaVu Sans"]
    monkeypatch.setattr(fontManager, "ttflist", few)
    with pytest.raises(OutputError, match="fonts-noto-cjk"):
        print_plan(ready(), tmp_path / "a.pdf")
    assert list(tmp_path.iterdir()) == []


def test_letters_that_no_font_has_become_a_printers_mark() -> None:
    face = chinese_face()
    assert face.clean("济南\U0001f5fa路") == f"济南{GETA}路" or "\U0001f5fa" in face.clean(
        "济南\U0001f5fa路"
    )
    assert face.clean("a\U0010fffdb") == f"a{GETA}b"
    assert face.clean("历下区 Lixia") == "历下区 Lixia"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.pdf", {"size": "A2"}),
        ("a.jpg", {}),
        ("a.pdf", {"language": "de"}),
        ("a.pdf", {"district": "海淀区"}),
    ],
)
def test_what_cannot_be_printed_is_refused(
    tmp_path: Path, name: str, words: dict[str, str]
) -> None:
    with pytest.raises(InputError):
        print_plan(ready(), tmp_path / name, **words)
    assert list(tmp_path.iterdir()) == []


def test_one_district_shows_its_own_figures_and_counts(tmp_path: Path) -> None:
    plan = ready(hostile=False)
    print_plan(plan, tmp_path / "a.svg", district="370104", approval="鲁S（2026）001号")
    found = texts(tmp_path / "a.svg")
    row = plan.districts[plan.districts.district_id == "370104"].iloc[0]
    new = ((plan.stations.district_id == "370104") & (plan.stations.status == "new")).sum()
    assert f"{row.piles:,}" in found
    assert f"新建充换电站 · {new}" in found
    assert "审图号：鲁S（2026）001号" in found


def test_english_sheets_say_nothing_in_chinese_but_names(tmp_path: Path) -> None:
    plan = ready(hostile=False)
    print_plan(plan, tmp_path / "a.svg", language="en")
    han = [text for text in texts(tmp_path / "a.svg") if re.search(r"[\u4e00-\u9fff]", text)]
    # The title in the other language, the banner in both, and names of roads.
    assert all("济南" in text or "合成" in text or re.match(r"第\d+大街", text) for text in han), (
        han
    )


def test_a_sheet_of_real_frames_is_printed(published: Published, tmp_path: Path) -> None:
    print_plan(published.plan, tmp_path / "a.svg")
    totals = published.plan.run["totals"]
    assert f"{totals['piles']:,} 台" in texts(tmp_path / "a.svg")
