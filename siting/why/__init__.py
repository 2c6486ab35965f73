"""Why a site is open, or what it could replace."""
