"""Plans that differ and are nearly as good: chosen, published, set side by side."""
