"""Plan the roadside units, edge nodes, fleet routes and batches of a model."""
