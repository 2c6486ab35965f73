"""From solved programmes to the frames, measures and clause ledger of a plan."""
