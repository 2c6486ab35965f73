"""Why a model can't be planned, and the least change that makes it possible."""
