"""What each budget buys: points with their bounds, chart and table."""
