"""Connected selection of corridors, with a cut bound."""
