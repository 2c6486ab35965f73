"""Integer programmes, one a module, each written out in `models/formulations/`."""
