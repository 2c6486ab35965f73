"""The planning model: YAML over defaults, typed, checked all at once."""
