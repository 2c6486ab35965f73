"""A city's own facts: stations in operation, excluded land, counted people."""
