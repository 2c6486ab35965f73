"""Scenarios of a model, each in a process of its own, resumed where they stopped."""
