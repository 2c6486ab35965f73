"""The optimisation core: hand-over, shrinking, search, bounds and the one front."""
