"""Where test vehicles are based: the anchors of test roads, whichever roads are chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from siting.candidates.testroads import road_ground
from siting.testroads.question import asked_corridors, testroad_settings

if TYPE_CHECKING:
    import geopandas as gpd

    from siting.city.reading import City
    from siting.network import Network
    from siting.network.junctions import Junctions

MEASURE = "test_fleets"
"""Measure of the targets that ask for charging beside test fleets."""


def fleet_bases(
    city: City, network: Network, junctions: Junctions, exclusions: gpd.GeoDataFrame | None = None
) -> gpd.GeoDataFrame | None:
    """
    Find the bases of test fleets: the anchors of the tiers that `charging.rules` names.

    Every connected part of the test roads holds an anchor. Anchors depend on map and model and not
    on which roads are chosen, so what is asked at each of them holds for every joint plan.

    Parameters
    ----------
    city, network, junctions
        What is planned on.
    exclusions
        Land that test roads can't be on, as `exclusions.exclusion_frame`.

    Returns
    -------
    bases
        EPSG:4326 Points with `place_id`, `tier` and `name`; None where no target asks for charging
        beside test fleets.

    Raises
    ------
    ModelError
        As `plan_testroads`.
    """
    if all(target.measure != MEASURE for target in city.model.targets):
        return None
    asked = asked_corridors(city, network, junctions)
    if asked is None:
        return None
    settings = testroad_settings(city.model)
    ground = road_ground(
        asked[0], network.crs, city.districts, city.map.facilities, settings, exclusions=exclusions
    )
    places = ground.places
    tiers = city.model.charging.rules.test_fleet_tiers
    inside = (places["role"] == "anchor") & places["tier"].isin(tiers)
    return places.loc[inside, ["place_id", "tier", "name", "geometry"]].reset_index(drop=True)
