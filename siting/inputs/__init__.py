"""What the map readers share: file kinds, safe archives, tag values, ragged lines, frames."""
