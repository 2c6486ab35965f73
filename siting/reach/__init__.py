"""What a site can serve, hear or build: network distances, radio, cells, substations."""
