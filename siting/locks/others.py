"""Locks on hydrogen stations, roadside sites, edge nodes and test roads: what they are on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from siting.candidates.hydrogen import hydrogen_sites
from siting.candidates.locked import THINNED, with_levels
from siting.candidates.roadside import roadside_sites
from siting.candidates.section import find_section
from siting.candidates.testroads import road_ground
from siting.hydrogen.question import near_pairs
from siting.locks.matching import Match, match_lock, match_road, pool_of
from siting.model.roadside import MEASURES as ROADSIDE_MEASURES
from siting.model.testroads import MEASURES as ROAD_MEASURES
from siting.roadside.question import roadside_settings
from siting.roadside.result import SENSING
from siting.testroads.question import corridors_of, testroad_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from siting.candidates.charging import Candidates
    from siting.candidates.corridors import Corridors
    from siting.candidates.hydrogen import HydrogenSites
    from siting.candidates.roadside import RoadsideSites
    from siting.candidates.testroads import RoadGround
    from siting.city.reading import City
    from siting.demand.cells import Cells
    from siting.locks.matching import Pool
    from siting.model.locks import Lock
    from siting.network import Network
    from siting.network.junctions import Junctions

MEASURES = {
    "hydrogen": ("hydrogen_stations",),
    "roadside": ROADSIDE_MEASURES,
    "edge_node": ROADSIDE_MEASURES,
    "test_road": ROAD_MEASURES,
}
"""Measures of the targets that make a programme one of the plan."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """What locks are matched on; candidates of a programme are made when a lock asks for them."""

    city: City
    network: Network
    junctions: Junctions
    cells: Cells
    candidates: Candidates
    _made: dict[str, Any] = field(default_factory=dict)

    def planned(self, item: str) -> bool:
        """Whether a target asks for a programme."""
        return any(target.measure in MEASURES[item] for target in self.city.model.targets)

    @property
    def hydrogen(self) -> HydrogenSites:
        """Candidate hydrogen stations."""
        if "hydrogen" not in self._made:
            city, settings = self.city, self.city.model.hydrogen
            assert settings is not None  # noqa: S101
            self._made["hydrogen"] = hydrogen_sites(
                self.network, city.districts, city.map, self.candidates, settings, cells=self.cells
            )
        found: HydrogenSites = self._made["hydrogen"]
        return found

    @property
    def roadside(self) -> RoadsideSites:
        """Candidate roadside sites."""
        if "roadside" not in self._made:
            city, settings = self.city, roadside_settings(self.city.model)
            edges = None
            if settings.section is not None:
                section = find_section(self.network, city.map.roads, settings.section)
                edges = None if section is None else section.edges
            self._made["roadside"] = roadside_sites(
                self.network, self.junctions, city.districts, city.map, settings, section=edges
            )
        found: RoadsideSites = self._made["roadside"]
        return found

    @property
    def roads(self) -> tuple[Corridors, RoadGround]:
        """Corridors of test roads, and why some can't be chosen."""
        if "roads" not in self._made:
            city, settings = self.city, testroad_settings(self.city.model)
            corridors, _ = corridors_of(city, self.network, self.junctions)
            ground = road_ground(
                corridors, self.network.crs, city.districts, city.map.facilities, settings
            )
            self._made["roads"] = (corridors, ground)
        found: tuple[Corridors, RoadGround] = self._made["roads"]
        return found

    def pool(self, item: str) -> Pool:
        """Candidates of a programme."""
        crs = self.network.crs
        if item == "hydrogen":
            frame, column = self.hydrogen.frame, "site_id"
        elif item == "test_road":
            frame, column = self.roads[0].frame, "corridor_id"
        else:
            frame, column = self.roadside.frame, "site_id"
        return pool_of(frame, column, crs)

    def collisions(self, lock: Lock) -> Iterator[str]:
        """Say what a lock on one of these programmes collides with."""
        if lock.total is not None:
            yield "a number of piles is one of charging sites"
        if lock.item == "hydrogen":
            yield from self._hydrogen(lock)
        elif lock.item == "test_road":
            yield from self._roads(lock)
        else:
            yield from self._roadside(lock)

    def _hydrogen(self, lock: Lock) -> Iterator[str]:
        if lock.level:
            yield "an equipment level is one of roadside sites"
        frame = self.hydrogen.frame
        mine = frame[frame["site_id"].isin(lock.ids)]
        for site in mine.to_dict("records"):
            if lock.built and site["reason"] not in {"", THINNED}:
                yield f"{site['site_id']} can't be a hydrogen station: {_why(site)}"

    def _roads(self, lock: Lock) -> Iterator[str]:
        if lock.level:
            yield "an equipment level is one of roadside sites"
        corridors, ground = self.roads
        rows = np.flatnonzero(corridors.frame["corridor_id"].isin(lock.ids))
        ids = corridors.frame["corridor_id"].to_numpy(dtype=object)
        for row in rows.tolist():
            if lock.built and ground.reason[row]:
                yield f"{ids[row]} can't be a test road: {ground.reason[row]}"
            elif not lock.built and (ground.opened[row] or ground.section[row]):
                yield f"{ids[row]} is a test road already, or in the expressway section"

    def _roadside(self, lock: Lock) -> Iterator[str]:
        # An edge node stands at a site with equipment, in the level that a lock gives it.
        sites = with_levels(
            self.roadside, roadside_settings(self.city.model), self.city.model.locks
        )
        frame = sites.frame
        at = frame["site_id"].isin(lock.ids).to_numpy()
        needs = frame["level"].isin(SENSING).to_numpy() | (sites.junction >= 0)
        for row in np.flatnonzero(at).tolist():
            site = frame.iloc[row]
            if lock.item == "roadside" and not lock.built and site["mandatory"]:
                yield f"{site['site_id']} has to be equipped: {site['kind']} {site['clauses']}"
            if lock.item == "edge_node" and lock.level:
                yield "an equipment level is one of roadside sites"
            if lock.item == "edge_node" and lock.built and not needs[row]:
                yield f"{site['site_id']} ({site['level']}) needs no edge node"

    def together(self, locks: Sequence[Lock]) -> list[str]:
        """Say what locks can't be together: too near, too many, a node without its site."""
        banned = {i for one in locks if one.item == "roadside" and not one.built for i in one.ids}
        nodes = {i for one in locks if one.item == "edge_node" and one.built for i in one.ids}
        bare = [
            f"an edge node is fixed at {id_}, and the roadside site there is banned"
            for id_ in sorted(banned & nodes)
        ]
        return bare + self._hydrogen_together(locks)

    def _hydrogen_together(self, locks: Sequence[Lock]) -> list[str]:
        fixed = {id_ for one in locks if one.item == "hydrogen" and one.built for id_ in one.ids}
        settings = self.city.model.hydrogen
        if not fixed or settings is None:
            return []
        frame = self.hydrogen.frame
        mine = frame[frame["site_id"].isin(fixed)].reset_index(drop=True)
        xy = shapely.get_coordinates(mine.geometry.to_crs(self.network.crs).to_numpy())
        ids = mine["site_id"].to_numpy(dtype=object)
        spacing = settings.spacing_m.value
        problems = [
            f"fixed hydrogen stations {ids[a]} and {ids[b]} are nearer than {spacing:,.0f} m"
            for a, b in near_pairs(xy, spacing).tolist()
        ]
        asked = max(
            (t.at_least for t in self.city.model.targets if t.measure == "hydrogen_stations"),
            default=0.0,
        )
        count = settings.existing_stations if settings.existing_count else 0
        most = max(0, int(np.ceil(asked - 1e-9)) - count)
        if settings.budget_cny is None and len(fixed) > most:
            problems.append(
                f"{len(fixed)} hydrogen stations are fixed, and {most} are asked for; raise the "
                "target or give `hydrogen.budget_cny`"
            )
        return problems


def _why(site: dict[Any, Any]) -> str:
    """Return a reason with its distance."""
    metres = {"public_building": "nearest_protected_m", "junction": "nearest_junction_m"}
    column = metres.get(str(site["reason"]))
    return f"{site['reason']}" + ("" if column is None else f", {site[column]:,.0f} m away")


def match_others(lock: Lock, shape: Any, grounds: Grounds, near_m: float) -> Match:  # noqa: ANN401
    """Match a lock on a programme other than charging."""
    if not grounds.planned(lock.item):
        names = ", ".join(sorted(MEASURES[lock.item])[:3])
        text = f"the model plans none: no target asks for {names}"
        return Match((), "none", problem=text)
    pool = grounds.pool(lock.item)
    if lock.item == "test_road":
        return match_road(lock, shape, grounds.roads[0], pool, near_m)
    return match_lock(lock, shape, pool, near_m)
