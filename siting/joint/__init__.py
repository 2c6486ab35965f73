"""One plan over all programmes: the money that each may take, and the years of building."""
