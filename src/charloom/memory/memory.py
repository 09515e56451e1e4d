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

from bisect import bisect_left

import numpy as np

from .index import MOST_MATCHED, ORDERS, Index

# What a state holds, in place of a layer's h and c:
#   nodes_BxK: the node of the last k ids, for k from ORDERS down to 0, or -1; only nodes
#       that have children.
#   match_Bx2: the place in the text of what follows the longest match, where that
#       match is unique (else -1), and the length of the longest match, MOST_MATCHED at most.
MemoryState = tuple[np.ndarray, np.ndarray]


class Memory:
    """Predicts the next id from what followed the same context in a text.

    Args:
        index: the text's index.
        vocabulary: V, the number of ids.
    """

    def __init__(self, index: Index, vocabulary: int) -> None:
        self.index, self.vocabulary = index, vocabulary
        # One place past the end, with an id that never occurs; -1 means it too.
        self.text = np.append(index.ids.astype(np.int64), vocabulary)
        self.after = np.append(np.arange(1, len(index)), [-1, -1])
        self._grow()

    def initial_state(self, batch: int) -> MemoryState:
        """Nothing read: only the empty context matches."""
        nodes_BxK = np.full((batch, ORDERS + 1), -1, np.int64)
        nodes_BxK[:, -1] = 0
        match_Bx2 = np.zeros((batch, 2), np.int64)
        match_Bx2[:, 0] = -1
        return nodes_BxK, match_Bx2

    def idle_state(self, batch: int) -> MemoryState:
        """Not even the empty context matches, whatever is read: rows that only fill a batch up."""
        nodes_BxK, match_Bx2 = self.initial_state(batch)
        nodes_BxK[:, -1] = -1
        return nodes_BxK, match_Bx2

    # One text alone goes by plain numbers: a call of NumPy costs a microsecond or two, whatever it
    # works on, and so few numbers are faster without: with 320 units and this memory a step took
    # 0.26 ms, and 0.44 ms by way of arrays.

    def advance(self, ids_B: np.ndarray, state: MemoryState) -> None:
        """Read one id of every text; `state` is updated in place."""
        nodes_BxK, match_Bx2 = state
        if len(ids_B) == 1:
            self._advance_one(int(ids_B[0]), nodes_BxK[0], match_Bx2[0])
            return
        wanted_BxK = nodes_BxK[:, 1:] * self.vocabulary
        wanted_BxK += ids_B[:, None]
        child_BxK = self.keys.searchsorted(wanted_BxK)
        met_BxK = self.keys[child_BxK] == wanted_BxK
        nodes_BxK[:, :-1] = np.where(met_BxK, self.inner[child_BxK], -1)

        rows, longest_B = np.arange(len(ids_B)), met_BxK.argmax(axis=1)
        any_B = met_BxK[rows, longest_B]
        leaf_B = np.where(any_B, self.leaf[child_BxK[rows, longest_B]], -1)
        order_B = np.where(any_B, ORDERS - longest_B, 0)
        # Where the longest match is unique it goes on in the text, or ends here.
        place_B, length_B = match_Bx2.T
        goes_on_B = self.text[place_B] == ids_B
        length_B[:] = np.where(goes_on_B, np.minimum(length_B + 1, MOST_MATCHED), order_B)
        place_B[:] = np.where(goes_on_B, self.after[place_B], leaf_B)

    def predict(self, state: MemoryState) -> tuple[np.ndarray, np.ndarray]:
        """What comes next.

        Returns:
            p_BxV: probabilities, float64, every row summing to 1.
            facts_Bx3: the length of the longest match, MOST_MATCHED at most; how often the
                longest context that is not unique occurs; how many different ids follow it.
        """
        nodes_BxK, match_Bx2 = state
        batch, size = len(nodes_BxK), self.vocabulary
        if batch == 1:
            return self._predict_one(nodes_BxK[0].tolist(), *match_Bx2[0].tolist())
        place_B, length_B = match_Bx2.T
        # The weight of each order is what all longer ones leave; the last is left to chance.
        left_BxK = np.empty((batch, ORDERS + 2))
        left_BxK[:, 0] = np.where(place_B < 0, 1.0, self.doubt[np.minimum(length_B, ORDERS)])
        left_BxK[:, 1:] = self.backoff[nodes_BxK]
        sure_B = 1.0 - left_BxK[:, 0]
        np.multiply.accumulate(left_BxK, axis=1, out=left_BxK)

        nodes = nodes_BxK.ravel()  # node -1 has no children
        kinds = self.kinds[nodes]
        ends: np.ndarray = kinds.cumsum()
        children = (self.first[nodes] - ends + kinds).repeat(kinds)
        children += np.arange(len(children))
        weights = left_BxK[:, :-1].ravel().repeat(kinds)
        weights *= self.share[children]
        cells = self.symbol[children]
        if batch > 1:
            cells += (np.arange(batch) * size).repeat(ORDERS + 1).repeat(kinds)
        p: np.ndarray = np.bincount(cells, weights, batch * size)
        p_BxV = p.reshape(batch, size)
        p_BxV += left_BxK[:, -1:] / size
        rows = np.arange(batch)
        # Where no match is unique this adds nothing, whichever id it is added to.
        p_BxV[rows, self.text[place_B] % size] += sure_B
        longest_B = nodes_BxK[rows, (nodes_BxK >= 0).argmax(axis=1)]
        facts_Bx3 = np.stack([length_B, self.total[longest_B], self.kinds[longest_B]], axis=1)
        return p_BxV, facts_Bx3

    def _advance_one(self, number: int, nodes_K: np.ndarray, match_2: np.ndarray) -> None:
        keys, size = self.keys.data, self.vocabulary
        found, order, leaf = [-1] * (ORDERS + 1), 0, -1
        found[-1] = 0 if nodes_K[-1] == 0 else -1
        for at, node in enumerate(nodes_K[1:].tolist()):
            if node < 0:
                continue
            wanted = node * size + number
            child = bisect_left(keys, wanted)
            if keys[child] == wanted:
                found[at] = self.inner.item(child)
                if not order:
                    order, leaf = ORDERS - at, self.leaf.item(child)
        place, length = match_2.tolist()
        if self.text.item(place) == number:
            match_2[:] = self.after.item(place), min(length + 1, MOST_MATCHED)
        else:
            match_2[:] = leaf, order
        nodes_K[:] = found

    def _predict_one(
        self, nodes_K: list[int], place: int, length: int
    ) -> tuple[np.ndarray, np.ndarray]:
        left = 1.0 if place < 0 else float(self.doubt[min(length, ORDERS)])
        sure = 1.0 - left
        p_V = np.zeros(self.vocabulary)
        longest = -1
        for node in nodes_K:
            if node < 0:
                continue
            longest = node if longest < 0 else longest
            first = self.first.item(node)
            children = slice(first, first + self.kinds.item(node))
            p_V[self.symbol[children]] += left * self.share[children]
            left *= self.backoff.item(node)
        p_V += left / self.vocabulary
        p_V[self.text.item(place) % self.vocabulary] += sure
        facts = [length, self.total.item(longest), self.kinds.item(longest)]
        return p_V[None], np.array([facts], np.float64)

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
        count = np.concatenate(counts)
        parent = np.concatenate(parents)
        self.symbol = np.concatenate(symbols)
        nodes = 1 + len(count)
        # By child: the node it is, if it has children itself; else its place in the text.
        self.inner = np.where(count > 1, np.arange(1, nodes), -1)
        place = np.concatenate(places).astype(np.int64)
        self.leaf = np.where((count > 1) | (place == len(index)), -1, place)
        # A last key that nothing matches spares every search a check of its bounds.
        self.keys = np.append(parent * size + self.symbol, np.iinfo(np.int64).max)
        self.inner, self.leaf = np.append(self.inner, -1), np.append(self.leaf, -1)
        # By node; the last, which -1 means, has no children.
        self.kinds = np.bincount(parent, minlength=nodes + 1)
        self.first = np.concatenate([[0], np.cumsum(self.kinds)[:-1]])
        self.total = np.bincount(parent, count, nodes + 1)
        self._discount(parent, count, levels)

    @staticmethod
    def _inner(levels: list[int], counts: list[np.ndarray], order: int) -> np.ndarray:
        """The nodes of a level that have children."""
        if order == 0:
            return np.zeros(1, int)
        return levels[order] + np.flatnonzero(counts[order - 1] > 1)

    def _discount(self, parent: np.ndarray, count: np.ndarray, levels: list[int]) -> None:
        """What each child keeps of its count, and what each node leaves to shorter contexts."""
        discounts = np.zeros(len(count))
        self.doubt = np.full(ORDERS + 1, 0.5)
        for order in range(len(levels) - 2):
            children = slice(levels[order + 1] - 1, levels[order + 2] - 1)
            counts = count[children]
            discounts[children] = _discounts(counts)[np.minimum(counts, 3)]
            # Of contexts seen twice, how often did the second time bring something new?
            nodes = slice(levels[order], levels[order + 1])
            twice = self.total[nodes] == 2
            if order:
                new = float((self.kinds[nodes][twice] == 2).sum())
                self.doubt[order] = (new + 1.0) / (float(twice.sum()) + 2.0)
        self.share = (count - discounts) / self.total[parent]
        given = np.bincount(parent, discounts, len(self.total))
        self.backoff = np.where(self.kinds > 0, given / np.maximum(self.total, 1.0), 1.0)


def _discounts(counts: np.ndarray) -> np.ndarray:
    """Modified Kneser-Ney's discounts for counts of 1, 2 and 3 or more (Chen and Goodman 1999)."""
    n1, n2, n3, n4 = (float((counts == k).sum()) + 0.5 for k in range(1, 5))
    y = n1 / (n1 + 2 * n2)
    raw = [1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3]
    return np.array([0.0, *(float(np.clip(d, 0.1, k - 0.1)) for k, d in enumerate(raw, 1))])
