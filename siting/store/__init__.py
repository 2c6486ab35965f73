"""The run folder: layers, record and evidence, written whole and read back."""
