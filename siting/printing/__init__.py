"""A plan as a printed sheet: A3 or A4, PDF, SVG or PNG, at a true scale."""

from __future__ import annotations

from siting.printing.write import FORMATS, SIZES_MM, print_plan

__all__ = ["FORMATS", "SIZES_MM", "print_plan"]
