"""The charging plan beyond its programme: budgets, fairness, waiting, grid, service."""
