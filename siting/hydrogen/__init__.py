"""Hydrogen stations: the question, the plan, its frames."""
