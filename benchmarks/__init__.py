"""Measurements behind the claims; run them with `make bench`."""
