"""What a city is planned on: map, roads, demand, candidate sites and what reaches what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from siting.formulate.charging import charging_programme

if TYPE_CHECKING:
    from siting.candidates.charging import Candidates
    from siting.city.layers import OwnLayers
    from siting.city.reading import City
    from siting.demand.cells import Cells
    from siting.demand.charging import Demand
    from siting.model.model import Model
    from siting.network import Network
    from siting.network.junctions import Junctions
    from siting.programme import Programme
    from siting.reach.distance import Reach
    from siting.reach.places import Places
    from siting.reach.substations import Substations


@dataclass(frozen=True, slots=True)
class Ground:
    """
    What a city is planned on.

    Attributes
    ----------
    city
        Map, districts and the model as it was apportioned.
    network, junctions, cells
        The roads as a graph, its real junctions, and the built-up cells.
    demand, candidates, reach
        Demand points, charging sites and the arcs between them.
    places, substations
        What the charging programme is to reach and to stay within.
    own
        Stations in operation, excluded land and counted people.
    """

    city: City
    network: Network
    junctions: Junctions
    cells: Cells
    demand: Demand
    candidates: Candidates
    reach: Reach
    places: Places
    substations: Substations | None
    own: OwnLayers

    def charging(self, asked: Model) -> Programme:
        """Formulate the charging programme of a model on this ground."""
        return charging_programme(
            self.candidates,
            self.demand,
            self.reach,
            asked,
            places=self.places,
            substations=self.substations,
        )
