"""Axes of the frontier chart."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from siting.frontier.axes import ticks


@given(st.floats(0, 1e6), st.floats(1, 1e9))
def test_ticks_are_equal_steps_that_span_the_range(low: float, width: float) -> None:
    at = ticks(low, low + width)
    step = at[1] - at[0]
    assert at[0] <= low + 1e-6 * step
    assert at[-1] >= low + width - 1e-6 * step
    assert 2 <= len(at) <= 9
    assert np.allclose(np.diff(at), step)
