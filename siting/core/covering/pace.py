"""How long the stages of a covering solve are, counted in moves and rounds so that runs repeat."""

from __future__ import annotations

EASY_MOVES = 3_000
"""Moves before branch and bound on an easy problem."""
_MOVES, _MOST_MOVES = 20_000, 640_000
"""Plain moves of the first run, and of the longest."""
_RUNS_A_LENGTH = 4
"""Plain runs before they become twice as long."""
_FAST_MOVES, _MOST_FAST = 75_000, 800_000
"""Compiled moves of the first run, and of the longest."""
_FIRST_RUNS, _FAST_RUNS_A_LENGTH = 3, 8
"""Runs each twice as long as the last; then so many before they double again, since the plans of a
dozen middling runs merge into a better one than those of a few long runs."""
_CUT_ROUNDS, _PLAIN_CUT_ROUNDS = 1.3, 3
"""Rounds of cuts in the time of the first compiled annealing run, and of each plain one."""
_ASIDE_ENTRIES = 80_000
"""Entries of cover from which on a plain run is worth a process of its own."""
_MOVES_ENTRIES = 80_000
"""Entries of cover from which on annealing runs grow longer with the problem."""


def scale_of(entries: int) -> float:
    """Give the factor by which runs are longer on many entries of cover."""
    return float(max(1.0, entries / _MOVES_ENTRIES) ** 0.75)


def run_length(number: int, scale: float, *, fast: bool) -> int:
    """Give the moves of an annealing run; the first has number 1."""
    if not fast:
        return min(int(_MOVES * scale) * (1 << number // _RUNS_A_LENGTH), _MOST_MOVES)
    later = max(number - _FIRST_RUNS, 0) // _FAST_RUNS_A_LENGTH
    doubled = min(number, _FIRST_RUNS) - 1 + later
    return min(int(_FAST_MOVES * scale) * (1 << min(doubled, 30)), _MOST_FAST)


def goes_aside(entries: int, *, fast: bool) -> bool:
    """Tell whether annealing runs go to a process of their own; compiled ones hold no lock."""
    return not fast and entries > _ASIDE_ENTRIES


def cut_rounds(moves: int, scale: float, *, fast: bool) -> int:
    """Give the rounds of cuts that take about as long as an annealing run beside them."""
    if not fast:
        return _PLAIN_CUT_ROUNDS
    return max(1, round(_CUT_ROUNDS * moves / (_FAST_MOVES * scale)))
