"""When nothing fits: whether it is for the locks, and for which of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from siting.errors import InfeasibleError, LockError
from siting.locks.settling import lock_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from siting.city.reading import City
    from siting.model.locks import Lock

MOST = 12
"""With more locks than this on a programme, those to blame aren't told apart."""

LOOSE_GAP = 100.0
"""A trial ends with its first plan."""

Plan = TypeVar("Plan")


def honour(plan: Callable[[City], Plan], city: City, items: Sequence[str]) -> Plan:
    """
    Plan, and where nothing fits for the locks, say which of them.

    Parameters
    ----------
    plan
        Plans a programme of a city with its model's locks.
    city
        The city.
    items
        What the locks of the programme are on.

    Returns
    -------
    plan

    Raises
    ------
    LockError
        Nothing fits with the locks and something does without; names a set of locks of which none
        can stay with the others (deletion filter; Chinneck 2008, ch. 6).
    InfeasibleError
        Nothing fits without any lock either.
    """
    try:
        return plan(city)
    except InfeasibleError as error:
        own = [n for n, lock in enumerate(city.model.locks) if lock.item in items]
        if not own or not _fits(plan, city, ()):
            raise
        guilty = _least(plan, city, own) if len(own) <= MOST else own
        texts = [lock_text(n + 1, city.model.locks[n]) for n in guilty]
        raise LockError(
            f"locks can't hold together with what is asked ({error.what})",
            where=error.where or "locks",
            value=error.value,
            cure=error.cure,
            problems=tuple(texts),
        ) from error


def without(city: City, keep: Sequence[Lock]) -> City:
    """Return a city with some of its locks alone."""
    return replace(city, model=city.model.model_copy(update={"locks": tuple(keep)}))


def _fits(plan: Callable[[City], Plan], city: City, keep: Sequence[int]) -> bool:
    trial = without(city, [city.model.locks[n] for n in keep])
    # Only whether there is a plan is asked.
    loose = trial.model.solve.model_copy(update={"gap": LOOSE_GAP})
    try:
        plan(replace(trial, model=trial.model.model_copy(update={"solve": loose})))
    except InfeasibleError:
        return False
    return True


def _least(plan: Callable[[City], Plan], city: City, own: Sequence[int]) -> list[int]:
    """Leave out each lock without which nothing fits still."""
    left = list(own)
    for n in own:
        trial = [m for m in left if m != n]
        if not _fits(plan, city, trial):
            left = trial
    return left
