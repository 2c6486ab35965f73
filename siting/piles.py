"""Pile types as a table of numbers, with what one pile gives a day and costs installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from siting.model.model import Charging

HOURS_A_DAY = 24.0


def pile_table(charging: Charging) -> pd.DataFrame:
    """
    Tabulate the pile types of a model, in its order.

    Parameters
    ----------
    charging
        The charging programme of a model.

    Returns
    -------
    pile_types
        Columns `type_id`, `label_zh`, `label_en`, `current` (`ac` | `dc`), `kw`, `kwh_day` (rated
        power x 24 h x the utilisation that a plan may count on), `cost_cny` (equipment,
        installation and the pile's share of the grid connection, yuan), `segments` (joined by a
        space), `guns` (vehicles that charge at once), `least` (fewest at a station that has any).

    Notes
    -----
    Grid share = kW x simultaneity / power factor x CNY per kVA: the transformer is sized by
    S = Kx * sum(P) / cos(phi), so a station's cost stays linear in its piles.
    """
    kva_per_kw = charging.simultaneity.value / charging.power_factor.value
    grid_cny_per_kw = kva_per_kw * charging.grid_cny_per_kva.value
    return pd.DataFrame(
        {
            "type_id": [pile.id for pile in charging.piles],
            "label_zh": [pile.label_zh for pile in charging.piles],
            "label_en": [pile.label_en for pile in charging.piles],
            "current": [pile.current for pile in charging.piles],
            "kw": [pile.kw for pile in charging.piles],
            "kwh_day": [pile.kw * HOURS_A_DAY * pile.utilisation.value for pile in charging.piles],
            "cost_cny": [
                float(
                    round(
                        pile.equipment_cny.value
                        + pile.installation_cny.value
                        + pile.kw * grid_cny_per_kw
                    )
                )
                for pile in charging.piles
            ],
            "segments": [" ".join(pile.segments) for pile in charging.piles],
            "guns": [pile.guns for pile in charging.piles],
            "least": [pile.least for pile in charging.piles],
        }
    )
