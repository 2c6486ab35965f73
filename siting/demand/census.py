"""People by district: the census where there is one, spread exactly over pieces of land."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from siting.facts import district_table

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

DEFAULT_URBAN_PER_KM2 = 6000.0
"""People per km2 of built-up land where neither census nor model says. Planner's own."""

DEFAULT_RURAL_PER_KM2 = 100.0
"""People per km2 of other land where neither census nor model says. Planner's own."""


def district_people(
    districts: gpd.GeoDataFrame, built_up_km2: Floats, population: float | None = None
) -> tuple[Floats, Floats]:
    """
    Return urban and rural people of each district.

    Parameters
    ----------
    districts
        With `population`, `urban_population` (NaN where unknown) and `area_km2`.
    built_up_km2
        Built-up land of each district, shape (d,).
    population
        People of the whole area; what the census leaves over goes to the districts without one.
        None: those get `DEFAULT_URBAN_PER_KM2` and `DEFAULT_RURAL_PER_KM2`.

    Returns
    -------
    urban, rural
        People, shape (d,) each; they sum to the census where there is one.
    """
    other_km2 = np.maximum(districts["area_km2"].to_numpy(dtype=float) - built_up_km2, 0)
    town = built_up_km2 * DEFAULT_URBAN_PER_KM2
    guess = town + other_km2 * DEFAULT_RURAL_PER_KM2
    town_share = np.divide(town, guess, out=np.zeros(len(town)), where=guess > 0)
    people = districts["population"].to_numpy(dtype=float)
    known = np.isfinite(people)
    if population is not None and not known.all():
        rest = max(0.0, population - float(people[known].sum()))
        # Districts too small to have land in the grid still share what is left.
        guess = np.where(guess > 0, guess, 1.0)
        guess = guess * rest / guess[~known].sum()
    people = np.where(known, people, guess)
    urban = districts["urban_population"].to_numpy(dtype=float)
    urban = np.where(known & np.isfinite(urban), urban, people * town_share)
    return urban, people - urban


def spread_people(
    district: Ints, town_weight: Floats, country_weight: Floats, urban: Floats, rural: Floats
) -> Floats:
    """
    Spread the people of each district over its pieces of land.

    Parameters
    ----------
    district
        District of each piece, shape (n,).
    town_weight, country_weight
        Weights by which urban and rural people spread, >= 0, shape (n,).
    urban, rural
        People of each district, shape (d,).

    Returns
    -------
    array
        People of each piece, shape (n,). Sums over a district equal `urban + rural`; urban people
        go by `town_weight` unless the district has none, rural by `country_weight` likewise. A
        district without any weight spreads its people evenly.
    """
    count = len(urban)
    town = np.bincount(district, weights=town_weight, minlength=count)
    country = np.bincount(district, weights=country_weight, minlength=count)
    bare = (town == 0) & (country == 0)
    country_weight = np.where(bare[district], 1.0, country_weight)
    country = np.bincount(district, weights=country_weight, minlength=count)
    total = urban + rural
    urban = np.where(country == 0, total, np.where(town == 0, 0.0, urban))
    per_town = np.divide(urban, town, out=np.zeros(count), where=town > 0)
    per_country = np.divide(total - urban, country, out=np.zeros(count), where=country > 0)
    people: Floats = per_town[district] * town_weight + per_country[district] * country_weight
    return _exact(people, district, total)


def _exact(people: Floats, district: Ints, total: Floats) -> Floats:
    """Put what rounding left over on the largest piece of each district."""
    order = np.lexsort((-people, district))
    there, first = np.unique(district[order], return_index=True)
    exact = people.copy()
    held = np.bincount(district, weights=people, minlength=len(total))
    exact[order[first]] += (total - held)[there]
    return exact


def cars_per_person(districts: gpd.GeoDataFrame) -> Floats:
    """
    Return car-owning households a person.

    Parameters
    ----------
    districts
        With `district_id` (adcode).

    Returns
    -------
    array
        2020 census long form: share of car-owning households over people a household. Districts
        without a census row get the mean of the others, or 1 where none has one. Shape (d,).
    """
    table = district_table().set_index("adcode")
    rate = table["car_owning_household_share_2020"] / table["mean_household_size_2020"]
    known = rate.reindex(districts["district_id"].astype(str)).to_numpy(dtype=float)
    mean = float(np.nanmean(known)) if np.isfinite(known).any() else 1.0
    cars: Floats = np.where(np.isfinite(known), known, mean)
    return cars
