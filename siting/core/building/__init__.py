"""Built area at least cost: cells, the exact union of discs, and their bound."""
