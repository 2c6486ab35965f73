"""Maximal covering: search, Lagrangian bound, cuts."""
