"""A character model that Charloom trained, on its own: it needs NumPy alone.

    python charloom_model.py "To be, " --length 500 --temperature 0.8 --seed 7

In a program: Model("model.safetensors").write("To be, "), or step() for one id at a time. With
the same seed it writes what `charloom write` does with this model.
"""

import argparse
import json
import secrets
from pathlib import Path

import numpy as np


def read_safetensors(path):
    """The tensors of a file as float32 arrays by name, and its metadata."""
    data = Path(path).read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    metadata = header.pop("__metadata__")
    types = {"F32": "<f4", "F16": "<f2"}
    tensors = {}
    for name, about in header.items():
        first, last = (8 + size + at for at in about["data_offsets"])
        array = np.frombuffer(data[first:last], types[about["dtype"]])
        tensors[name] = array.reshape(about["shape"]).astype(np.float32)
    return tensors, metadata


def fold(kernel):
    """Gates i f c o to i f o c, those with a sigmoid halved: sigmoid(x) = (1 + tanh(x / 2)) / 2."""
    i, f, c, o = np.split(kernel, 4, axis=-1)
    return np.concatenate([0.5 * i, 0.5 * f, 0.5 * o, c], axis=-1)


class Model:
    """Reads and writes one text at a time; `state` is a list of (h, c), one for each layer."""

    def __init__(self, path):
        tensors, metadata = read_safetensors(path)
        network, vocabulary = json.loads(metadata["network"]), json.loads(metadata["vocabulary"])
        self.opening = json.loads(metadata["opening"])  # ids that every text silently follows
        self.symbols, self.is_bytes = vocabulary["symbols"], vocabulary["kind"] == "bytes"
        self.ids = {symbol: number for number, symbol in enumerate(self.symbols)}
        self.size, self.units, self.layers = map(network.get, ("vocabulary", "units", "layers"))
        self.end = self.size - 1 if vocabulary["end"] else None
        embeddings = tensors["embedding.embeddings"]
        if "labels.embeddings" in tensors:  # all labels evenly
            embeddings = embeddings + tensors["labels.embeddings"].mean(axis=0)
        layers = [f"lstm_{n}." for n in range(self.layers)]
        self.kernels = [fold(tensors[name + "kernel"]) for name in layers]
        self.recurrent = [fold(tensors[name + "recurrent_kernel"]) for name in layers]
        self.biases = [fold(tensors[name + "bias"]) for name in layers]
        self.table = embeddings @ self.kernels[0] + self.biases[0]  # one row for each id
        self.dense, self.dense_bias = tensors["dense.kernel"], tensors["dense.bias"]

    def initial_state(self):
        return [(np.zeros(self.units, np.float32),) * 2 for _ in range(self.layers)]

    def step(self, number, state):
        """Read one id; the logits of the next, and the new state."""
        after, x = [], self.table[number]
        for layer, (h, c) in enumerate(state):
            if layer:
                x = after[-1][0] @ self.kernels[layer] + self.biases[layer]
            gates = np.tanh(h @ self.recurrent[layer] + x)
            i, f, o = np.split(gates[: 3 * self.units] * 0.5 + 0.5, 3)
            c = f * c + i * gates[3 * self.units :]
            after.append((o * np.tanh(c), c))
        return after[-1][0] @ self.dense + self.dense_bias, after

    def encode(self, text):
        """A text as ids; characters that the model never saw share one."""
        if self.is_bytes:
            return list(text.encode())
        return [self.ids.get(ord(character), len(self.symbols)) for character in text]

    def stream(self, prompt="", length=500, temperature=0.8, seed=None):
        """Yield new text character by character."""
        seed = secrets.randbelow(10**9) if seed is None else seed
        draws = np.random.Generator(np.random.PCG64([seed, 0]))
        state, logits = self.initial_state(), self.dense_bias
        for number in [*self.opening, *self.encode(prompt)]:
            logits, state = self.step(number, state)
        character = b""
        while length > 0:
            number = self.draw(logits, character, temperature, draws.random())
            if number == self.end:
                return
            if self.is_bytes:
                character += bytes([number])
                first = character[0]
                if len(character) == 1 + (first >= 0xC2) + (first >= 0xE0) + (first >= 0xF0):
                    yield character.decode()
                    character, length = b"", length - 1
            else:
                yield chr(self.symbols[number])
                length -= 1
            logits, state = self.step(number, state)

    def write(self, prompt="", **settings):
        """New text after a prompt; settings as for `stream`."""
        return "".join(self.stream(prompt, **settings))

    def draw(self, logits, character, temperature, chance):
        """The id at which the cumulative distribution passes `chance`."""
        z = np.where(self.allowed(character), logits.astype(np.float64), -np.inf)
        z -= z.max()
        if temperature == 0:
            return int(z.argmax())
        p = np.exp(np.maximum(z / temperature, -1e4))
        p[~np.isfinite(z)] = 0.0
        p /= p.sum()
        p /= p.sum()
        cumulative = np.cumsum(p)
        return int((cumulative <= chance * cumulative[-1]).sum())

    def allowed(self, character):
        """Which ids may come: never the unknown one, and of bytes those that go on as UTF-8."""
        if not self.is_bytes:
            return np.arange(self.size) != len(self.symbols)
        number = np.arange(self.size)
        if not character:
            return (number < 0x80) | (number >= 0xC2) & (number <= 0xF4) | (number > 0xFF)
        first, last = (NARROW if len(character) == 1 else {}).get(character[0], (0x80, 0xBF))
        return (number >= first) & (number <= last)


# Bytes that not every continuation may follow (the Unicode standard's table 3-7).
NARROW = {0xE0: (0xA0, 0xBF), 0xED: (0x80, 0x9F), 0xF0: (0x90, 0xBF), 0xF4: (0x80, 0x8F)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write text in the manner of a model.")
    parser.add_argument("prompt", nargs="?", default="")
    parser.add_argument("--model", default=Path(__file__).with_name("model.safetensors"))
    parser.add_argument("--length", type=int, default=500)
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--seed", type=int)
    settings = vars(parser.parse_args())
    for piece in Model(settings.pop("model")).stream(**settings):
        print(piece, end="", flush=True)
    print()
