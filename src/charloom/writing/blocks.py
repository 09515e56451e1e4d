"""Steps whose results do not depend on what else is in the batch, to the last bit.

A matrix product rounds each row of its result by the order in which it sums, and a BLAS
chooses that order by the number of rows and by a row's place among them. OpenBLAS 0.3.31 on
processors with AVX2, for example, sums a row on its own (by gemv) in one order; two and
three rows in a second; four in a third, the even and the odd numbers apart; and of twelve the
first six in a fourth. So a text's logits would differ in their last bits with its company, and
once in some hundred thousand characters that decides a draw.

What does not change the order is the same call: so products are made in blocks of a fixed
number of rows, of which the last is filled up. Then only a row's place within its block is
left, and that was the same for blocks of 1, 2, 4 and 8 rows with all ten kernels that could be
tried (Haswell, Zen, Sandybridge, Nehalem, Prescott, Core2, Barcelona, Atom, Steamroller,
Excavator) and with 1, 2, 4 and 16 threads; not so for 16 rows. What a text costs, for 320
units on one core: 27 µs as a block of 1, 29 in fours, 17 in eights, and 10 in one product of
64 rows. A product's blocks could be larger where a BLAS allows it; eight is also all that one
text alone has to carry along. All else (the elementwise functions, sums along a row, the
memory) gives each row the same whatever the others are: a test compares whole steps.

Blocks of 1 are what `charloom write` does for a text alone: with `BLOCKS = (1,)` a server
would write bit by bit the same, at two thirds of the speed for many.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .engine import Engine, Product
from .mixture import Mixture

BLOCKS = (8, 4, 2, 1)  # rows, the fastest first


def steady(
    engine: Engine | Mixture, blocks: Sequence[int] = BLOCKS
) -> tuple[Engine | Mixture, int]:
    """The engine with products that give every row the same whatever is beside it.

    It is found out with the engine's own matrices which ways of multiplying do, and the
    fastest of them is taken; that takes some milliseconds.

    Args:
        engine: the network, with a memory or without.
        blocks: the numbers of rows to try, the best first.

    Returns:
        the engine, and the number of rows that a batch must have a multiple of.
    """
    for rows in blocks:
        product = in_blocks(rows)
        if all(is_steady(product, rows, matrix) for matrix in engine.products()):
            return engine.with_product(product), rows
    return engine.with_product(OneByOne()), 1


def in_blocks(rows: int) -> Product:
    """Products of so many rows at a time; the batch must have a multiple of them."""

    def product(x_BxK: np.ndarray, w_KxN: np.ndarray) -> np.ndarray:
        batch, inner = x_BxK.shape
        out = np.matmul(x_BxK.reshape(batch // rows, rows, inner), w_KxN)
        return out.reshape(batch, w_KxN.shape[1])

    return product


class OneByOne:
    """Products of one row at a time, always in the same place in memory.

    So every row meets exactly the same: this holds with any BLAS, and is slow.
    """

    def __init__(self) -> None:
        self.places: dict[tuple[int, int, str], tuple[np.ndarray, np.ndarray]] = {}

    def __call__(self, x_BxK: np.ndarray, w_KxN: np.ndarray) -> np.ndarray:
        key = (*w_KxN.shape, w_KxN.dtype.char)
        if key not in self.places:
            inner, outer = w_KxN.shape
            self.places[key] = np.empty((1, inner), w_KxN.dtype), np.empty((1, outer), w_KxN.dtype)
        x_1xK, out_1xN = self.places[key]
        out_BxN = np.empty((len(x_BxK), w_KxN.shape[1]), w_KxN.dtype)
        for row, x_K in enumerate(x_BxK):
            x_1xK[0] = x_K
            np.matmul(x_1xK, w_KxN, out=out_1xN)
            out_BxN[row] = out_1xN[0]
        return out_BxN


def is_steady(product: Product, rows: int, w_KxN: np.ndarray) -> bool:
    """Whether a product gives a row the same in every place, whatever the other rows are.

    Args:
        product: the way to multiply.
        rows: what batches have a multiple of.
        w_KxN: the matrix to try with.
    """
    rng = np.random.default_rng(1)
    row_K = rng.uniform(-1, 1, len(w_KxN)).astype(w_KxN.dtype)
    expected = None
    for blocks in (1, 2, 3):
        for place in range(blocks * rows):
            x_BxK = rng.uniform(-1, 1, (blocks * rows, len(w_KxN))).astype(w_KxN.dtype)
            x_BxK[place] = row_K
            found = product(x_BxK, w_KxN)[place].tobytes()
            expected = expected or found
            if found != expected:
                return False
    return True
