"""Capacitated siting with integer piles: relaxation, search, safe bound."""
