"""Built-up cells, people and vehicles: who needs charging where."""
