"""Where each thing can be built, what it costs and what limits it."""
