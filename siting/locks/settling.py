"""Match every lock of a model, and refuse together all that can't be honoured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from siting.candidates.added import judged_places, with_added
from siting.candidates.charging import FACILITY_SPACING_M
from siting.errors import LockError
from siting.facts import site_kinds
from siting.locks.charging import charging_collisions
from siting.locks.matching import Match, match_lock, pool_of
from siting.locks.others import Grounds, match_others
from siting.locks.reading import written_locks
from siting.locks.record import DEEDS, NAMES
from siting.said import Said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from siting.candidates.charging import Candidates
    from siting.city.layers import OwnLayers
    from siting.city.reading import City
    from siting.demand.cells import Cells
    from siting.model.locks import Lock
    from siting.network import Network
    from siting.network.junctions import Junctions

OWN_KIND = "parking"
"""Kind of a fixed place that has no candidate near and doesn't say what it is."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """A lock with its number and what it was matched to."""

    number: int
    lock: Lock
    match: Match

    @property
    def text(self) -> str:
        """What it is called in messages."""
        return lock_text(self.number, self.lock)


def lock_text(number: int, lock: Lock) -> str:
    """Return number, origin and what a lock says of what."""
    return f"lock {number} ({lock.origin}: {lock.what} {lock.item} {lock_name(lock)})"


def lock_name(lock: Lock) -> str:
    """Return what a lock names: by its name, ids, road or place."""
    named = lock.name or " ".join(lock.ids[:3]) or lock.road
    return named or f"{lock.lon:.5f}, {lock.lat:.5f}"


def settle_locks(
    city: City,
    network: Network,
    junctions: Junctions,
    cells: Cells,
    candidates: Candidates,
    own: OwnLayers,
) -> tuple[City, Candidates]:
    """
    Match the locks of a model with candidates of all its programmes.

    Parameters
    ----------
    city, network, junctions, cells
        What is planned on.
    candidates
        Charging sites.
    own
        Stations in operation and excluded land.

    Returns
    -------
    city, candidates
        The city with locks by id in its model, what each was matched to in its notes, and
        `City.locks`; the sites with those that fixed places add.

    Raises
    ------
    LockError
        With every lock that names nothing or collides with something, and with what.
    """
    written = written_locks(city.model, city.layers.get("locks"))
    if not written.locks and not written.problems:
        return city, candidates
    grounds = Grounds(city, network, junctions, cells, candidates)
    problems = list(written.problems)
    pool = pool_of(
        candidates.frame, "site_id", network.crs, facilities=_facilities(city, candidates)
    )
    near_m = city.model.lock_near_m.value
    found = []
    for number, (lock, shape) in enumerate(zip(written.locks, written.shapes, strict=True), 1):
        match = (
            match_lock(lock, shape, pool, near_m)
            if lock.item == "charging"
            else match_others(lock, shape, grounds, near_m)
        )
        found.append(Numbered(number, lock, match))
    found, candidates, more = _with_own(found, grounds, own)
    problems += more
    problems += [f"{one.text}: {one.match.problem}" for one in found if one.match.problem]
    good = [_settled(one) for one in found if not one.match.problem]
    problems += _collisions(good, replace(grounds, candidates=candidates))
    if problems:
        what = "a lock" if len(problems) == 1 else f"{len(problems)} things about locks"
        raise LockError(f"{what} can't be honoured", where="locks", problems=tuple(problems))
    model = city.model.model_copy(update={"locks": tuple(one.lock for one in good)})
    notes = tuple(_note(one, near_m) for one in good if one.match.how != "id")
    matches = tuple(one.match for one in good)
    return replace(city, model=model, locks=matches, notes=(*city.notes, *notes)), candidates


def _facilities(city: City, candidates: Candidates) -> dict[str, Any]:
    """Places of the map and places that were dropped, by id."""
    places = city.map.facilities
    dropped = candidates.dropped
    known: dict[str, Any] = {}
    for frame, column in ((places, "facility_id"), (dropped, "site_id")):
        xy = shapely.get_coordinates(frame.geometry.to_numpy())
        known |= dict(zip(frame[column].astype(str), xy, strict=True))
    return known


def _settled(one: Numbered) -> Numbered:
    """Give a lock the ids that it was matched to."""
    return replace(one, lock=one.lock.model_copy(update={"ids": one.match.ids}))


def _note(one: Numbered, near_m: float) -> Said:
    """Say what a lock was matched to."""
    match, ids = one.match, ", ".join(one.match.ids[:5])
    if match.how == "none":
        return _of_lock(one, "该处本来就不能建设", "nothing could be built there anyway")
    if match.how == "own":
        return _of_lock(
            one,
            f"{near_m:,.0f} m 内没有候选点，以该处为候选点：{ids}",
            f"no candidate within {near_m:,.0f} m, so that the place is one: {ids}",
        )
    if np.isfinite(match.distance_m):
        zh = f"相距 {match.distance_m:,.0f} m（不超过 {near_m:,.0f} m）"
        en = f"{match.distance_m:,.0f} m away (up to {near_m:,.0f} m)"
    else:
        zh, en = f"{len(match.ids)} 处，按 {match.how}", f"{len(match.ids)} by {match.how}"
    return _of_lock(one, f"对应 {ids}，{zh}", f"matched to {ids}, {en}")


def _of_lock(one: Numbered, zh: str, en: str) -> Said:
    """Put number, origin and what a lock asks before what is said of it."""
    lock = one.lock
    asked = f"{DEEDS[lock.what][0]}{NAMES[lock.item][0]} {lock_name(lock)}"
    return Said(f"锁定 {one.number}（{lock.origin}：{asked}）：{zh}", f"{one.text}: {en}")


def _with_own(
    found: Sequence[Numbered], grounds: Grounds, own: OwnLayers
) -> tuple[list[Numbered], Candidates, list[str]]:
    """Make a candidate of each fixed place that has none near."""
    city, candidates = grounds.city, grounds.candidates
    lacking = [
        n
        for n, one in enumerate(found)
        if one.lock.item == "charging" and one.lock.built and one.match.place is not None
        and not one.match.ids
    ]  # fmt: skip
    if not lacking:
        return list(found), candidates, []
    places = pd.DataFrame([_own_place(found[n], city) for n in lacking])
    problems = [
        f"{found[n].text}: {kind!r} is no kind of site"
        for n, kind in zip(lacking, places["kind"], strict=True)
        if kind not in site_kinds().index
    ]
    if problems:
        return list(found), candidates, problems
    places = judged_places(places, grounds.network, city.districts, grounds.cells, own.exclusions)
    reason = own.exclusions["reason"].to_numpy(dtype=object) if len(own.exclusions) else []
    done = list(found)
    for n, (_, place) in zip(lacking, places.iterrows(), strict=True):
        match, text = found[n].match, ""
        if place["district"] < 0:
            text = "the place is outside the planned districts"
        elif place["cut"] >= 0:
            text = f"the place is on excluded land: {reason[int(place['cut'])]}"
        elif place["node"] < 0:
            text = "no road is near the place"
        elif match.distance_m < FACILITY_SPACING_M:
            text = f"{match.problem}, nearer than sites are; raise `lock_near_m`"
        id_ = str(place["site_id"])
        done[n] = replace(found[n], match=replace(match, ids=(id_,), how="own", problem=text))
    good = [done[n].match.problem == "" for n in lacking]
    fresh = places[good].drop_duplicates("site_id").reset_index(drop=True)
    if len(fresh):
        candidates = with_added(
            candidates, fresh, grounds.network, city.districts, city.map, city.model.charging
        )
    return done, candidates, _too_near(fresh, done)


def _own_place(one: Numbered, city: City) -> dict[str, Any]:
    """Describe the place of a lock; a facility of the map keeps its id, name and kind."""
    place, lock = one.match.place, one.lock
    assert place is not None  # noqa: S101
    rows = city.map.facilities[city.map.facilities["facility_id"].astype(str).isin(lock.ids)]
    row = rows.iloc[0] if len(rows) else None
    kind = OWN_KIND if row is None else str(row["kind"])
    kind = kind if kind in site_kinds().index else OWN_KIND
    return {
        "site_id": lock.ids[0] if lock.ids else f"own/{place[0]:.5f},{place[1]:.5f}",
        "kind": lock.kind or kind,
        "name": lock.name or ("" if row is None else str(row["name"] or "")),
        "lon": float(place[0]),
        "lat": float(place[1]),
    }


def _too_near(places: pd.DataFrame, found: Sequence[Numbered]) -> list[str]:
    """Say which places of locks are nearer to each other than sites are."""
    xy = places[["x", "y"]].to_numpy(dtype=float)
    texts = {id_: one.text for one in found for id_ in one.match.ids}
    ids, problems = places["site_id"].tolist(), []
    for n in range(len(xy)):
        gap = np.hypot(*(xy[n + 1 :] - xy[n]).T) if n + 1 < len(xy) else np.zeros(0)
        problems += [
            f"{texts[ids[n]]} and {texts[ids[n + 1 + m]]} are {gap[m]:,.0f} m apart; new sites "
            f"keep {FACILITY_SPACING_M:,.0f} m"
            for m in np.flatnonzero(gap < FACILITY_SPACING_M).tolist()
        ]
    return problems


def _collisions(found: Sequence[Numbered], grounds: Grounds) -> list[str]:
    """Say what locks collide with: one another, and what the programmes hold."""
    problems = []
    first: dict[tuple[str, str], Numbered] = {}
    for one in found:
        for id_ in one.lock.ids:
            other = first.setdefault((one.lock.item, id_), one)
            if other is not one:
                problems.append(f"{one.text} and {other.text} are both on {id_}")
        texts = (
            charging_collisions(one.lock, grounds.candidates, grounds.city.model)
            if one.lock.item == "charging"
            else grounds.collisions(one.lock)
        )
        problems += [f"{one.text}: {text}" for text in texts]
    return problems + grounds.together([one.lock for one in found])
