"""Plan the catalogue of test roads of a model."""
