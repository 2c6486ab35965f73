"""Why an instance can't be had: least shortages, minimal conflicts, each with its proof."""
