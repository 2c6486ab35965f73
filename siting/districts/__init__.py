"""District boundaries with census people: real ones by name, or from a map, a layer, an extent."""

from siting.districts.cnmaps import boundary_version, districts_of
from siting.districts.layer import (
    EXTENT_MARGIN_M,
    district_of_extent,
    districts_from_boundaries,
    districts_from_layer,
)
from siting.districts.shapes import COLUMNS, boundary_problems

__all__ = [
    "COLUMNS",
    "EXTENT_MARGIN_M",
    "boundary_problems",
    "boundary_version",
    "district_of_extent",
    "districts_from_boundaries",
    "districts_from_layer",
    "districts_of",
]
