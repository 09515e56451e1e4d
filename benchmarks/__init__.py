"""Measurements behind the claims; run them with `make bench`."""

import os

# Set on some machines for the sake of older builds of OpenBLAS; they slow a current
# NumPy down. This runs before any benchmark imports it.
for _name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(_name, None)
