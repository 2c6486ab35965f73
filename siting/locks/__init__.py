"""Locks: read, matched with candidates, refused where they collide, and said in the plan."""
