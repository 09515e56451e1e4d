"""Next-id predictions from a text's index, for every length of context at once.

The index becomes a trie of contexts: a node for each context that occurs, its
children the ids that follow it there. Only contexts that occur at least twice have
children: one that occurs once is a place in the text, followed from there for as long
as it goes on matching. So the trie stays small (about 2.3 nodes an id) and a
match may be of any length.

Every order gives a share of its counts to the next shorter one (interpolated modified
Kneser-Ney discounts, after Chen and Goodman 1999, estimated order by order from the
text itself; plain counts at every order, as this is no word model).
"""

from __future__ import annotations

import numpy as np

from .index import ORDERS, Index

# What `states` hold, in place of a layer's h and c:
#   nodes_BxK: the node of the last k ids for k from 0 to ORDERS, or -1; only nodes with
#       children.
#   match_Bx2: the place in the text of what follows the longest match, where that
#       match is unique (else -1), and the length of the longest match.
MemoryState = tuple[np.ndarray, np.ndarray]


class Memory:
    """Predicts the next id from what followed the same context in a text.

    Args:
        index: the text's index.
        vocabulary: V, the number of ids.
    """

    def __init__(self, index: Index, vocabulary: int) -> None:
        self.index, self.vocabulary = index, vocabulary
        # One place past the end, with an id that never occurs.
        self.text = np.append(index.ids.astype(np.int32), vocabulary)
        self._grow()

    def initial_state(self, batch: int) -> MemoryState:
        """Nothing read: only the empty context matches."""
        nodes_BxK = np.full((batch, ORDERS + 1), -1, np.int32)
        nodes_BxK[:, 0] = 0
        match_Bx2 = np.zeros((batch, 2), np.int32)
        match_Bx2[:, 0] = -1
        return nodes_BxK, match_Bx2

    def advance(self, ids_B: np.ndarray, state: MemoryState) -> None:
        """Read one id of every text; `state` is updated in place."""
        nodes_BxK, match_Bx2 = state
        wanted_BxK = nodes_BxK[:, :-1].astype(np.int64) * self.vocabulary + ids_B[:, None]
        found_BxK = np.searchsorted(self.keys, wanted_BxK)
        np.minimum(found_BxK, len(self.keys) - 1, out=found_BxK)
        met_BxK = (self.keys[found_BxK] == wanted_BxK) & (nodes_BxK[:, :-1] >= 0)
        found_BxK += 1  # the root has no key
        counts_BxK = np.where(met_BxK, self.count[found_BxK], 0)
        # Where the longest match is unique it goes on in the text, or ends here.
        place_B, length_B = match_Bx2[:, 0], match_Bx2[:, 1]
        goes_on_B = (place_B >= 0) & (self.text[place_B] == ids_B)
        orders_B = ORDERS - np.argmax(met_BxK[:, ::-1], axis=1)  # of the longest node met
        orders_B[~met_BxK.any(axis=1)] = 0
        rows = np.arange(len(ids_B))
        longest_B = np.maximum(orders_B - 1, 0)
        unique_B = counts_BxK[rows, longest_B] == 1
        leaf_B = self.place[found_BxK[rows, longest_B]]
        # Past ORDERS a match that is not unique keeps the length that is counted.
        match_Bx2[:, 1] = np.where(goes_on_B, length_B + 1, orders_B)
        next_B = np.where(goes_on_B, place_B + 1, np.where(unique_B, leaf_B, -1))
        next_B[next_B == len(self.text) - 1] = -1
        match_Bx2[:, 0] = next_B
        nodes_BxK[:, 1:] = np.where(counts_BxK > 1, found_BxK, -1)

    def predict(self, state: MemoryState) -> tuple[np.ndarray, np.ndarray]:
        """What comes next.

        Returns:
            p_BxV: probabilities, float64, every row summing to 1.
            facts_Bx3: the length of the longest match; how often the longest context
                that is not unique occurs; how many different ids follow it.
        """
        nodes_BxK, match_Bx2 = state
        batch, size = len(nodes_BxK), self.vocabulary
        has_BxK = nodes_BxK >= 0
        backoff_BxK = np.where(has_BxK, self.backoff[nodes_BxK], 1.0)
        place_B, length_B = match_Bx2[:, 0], match_Bx2[:, 1]
        unique_B = place_B >= 0
        left_B = np.where(unique_B, self.doubt[np.minimum(length_B, ORDERS)], 1.0)
        # The weight of each order is what all longer ones leave.
        left_BxK = left_B[:, None] * np.cumprod(backoff_BxK[:, ::-1], axis=1)[:, ::-1]
        weight_BxK = left_BxK / backoff_BxK

        rows, orders = np.nonzero(has_BxK)
        nodes = nodes_BxK[rows, orders]
        first, kinds = self.first[nodes], self.kinds[nodes]
        ends = np.cumsum(kinds)
        children = np.repeat(first - ends + kinds, kinds) + np.arange(ends[-1])
        weights = np.repeat(weight_BxK[rows, orders], kinds) * self.share[children]
        cells = np.repeat(rows * size, kinds) + self.symbol[children]
        p_BxV: np.ndarray = np.bincount(cells, weights, batch * size).reshape(batch, size)
        p_BxV = p_BxV + left_BxK[:, :1] / size
        (sure,) = np.nonzero(unique_B)
        p_BxV[sure, self.text[place_B[sure]]] += 1.0 - left_B[sure]

        longest = nodes[np.searchsorted(rows, np.arange(batch), "right") - 1]
        facts_Bx3 = np.stack([length_B, self.total[longest], self.kinds[longest]], axis=1)
        return p_BxV, facts_Bx3

    def _grow(self) -> None:
        """The trie as flat arrays, level by level, each level sorted by parent and id."""
        index, size = self.index, self.vocabulary
        common = index.common
        alive = np.arange(len(index))  # ranks of suffixes in contexts that occur at least twice
        parents: list[np.ndarray] = []
        symbols: list[np.ndarray] = []
        counts: list[np.ndarray] = []
        places: list[np.ndarray] = []
        levels = [0, 1]  # where each level's nodes begin; level 0 is the root
        for order in range(ORDERS + 1):
            here = common[alive]
            starts = np.flatnonzero(here <= order)
            if not len(starts):
                break
            of_parent = np.cumsum(here[starts] < order) - 1 if order else np.zeros(len(starts), int)
            count = np.diff(np.append(starts, len(alive)))
            place = index.suffixes[alive[starts]] + order
            symbol = self.text[place]
            inside = symbol < size  # one suffix ends before this order
            parents.append(self._inner(levels, counts, order)[of_parent[inside]])
            symbols.append(symbol[inside])
            counts.append(count[inside])
            places.append(place[inside] + 1)
            levels.append(levels[-1] + int(inside.sum()))
            alive = alive[np.repeat(count > 1, count)]
        self.symbol = np.concatenate([[0], *symbols])
        self.count = np.concatenate([[len(index)], *counts]).astype(np.int32)
        self.place = np.concatenate([[-1], *places]).astype(np.int32)
        parent = np.concatenate(parents)
        self.keys = parent.astype(np.int64) * size + self.symbol[1:]
        nodes = len(self.count)
        self.kinds = np.bincount(parent, minlength=nodes)
        self.first = 1 + np.concatenate([[0], np.cumsum(self.kinds)[:-1]])
        self.total = np.bincount(parent, self.count[1:], nodes)
        self._discount(parent, levels)

    @staticmethod
    def _inner(levels: list[int], counts: list[np.ndarray], order: int) -> np.ndarray:
        """The nodes of a level that have children."""
        if order == 0:
            return np.zeros(1, int)
        return levels[order] + np.flatnonzero(counts[order - 1] > 1)

    def _discount(self, parent: np.ndarray, levels: list[int]) -> None:
        """What each child keeps of its count, and what each node leaves to shorter contexts."""
        discounts = np.zeros(len(self.count))
        self.doubt = np.full(ORDERS + 1, 0.5)
        for order in range(len(levels) - 2):
            level = slice(levels[order + 1], levels[order + 2])
            counts = self.count[level]
            discounts[level] = _discounts(counts)[np.minimum(counts, 3)]
            # Of contexts seen twice, how often did the second time bring something new?
            nodes = np.arange(levels[order], levels[order + 1])
            twice = nodes[self.total[nodes] == 2]
            if order:
                new = float((self.kinds[twice] == 2).sum())
                self.doubt[order] = (new + 1.0) / (len(twice) + 2.0)
        total = np.maximum(self.total, 1.0)
        kept = self.count[1:] - discounts[1:]
        self.share = np.concatenate([[0.0], kept / total[parent]])
        given = np.bincount(parent, discounts[1:], len(self.count))
        # Never quite nothing, so that weights can be divided by it.
        self.backoff = np.maximum(given / total, 1e-9)


def _discounts(counts: np.ndarray) -> np.ndarray:
    """Modified Kneser-Ney's discounts for counts of 1, 2 and 3 or more (Chen and Goodman 1999)."""
    n1, n2, n3, n4 = (float((counts == k).sum()) + 0.5 for k in range(1, 5))
    y = n1 / (n1 + 2 * n2)
    raw = [1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3]
    return np.array([0.0, *(float(np.clip(d, 0.1, k - 0.1)) for k, d in enumerate(raw, 1))])
