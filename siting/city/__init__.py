"""Map, districts and the city's own layers fitted together."""
