"""A model as a folder that the Hugging Face hub knows the look of.

config.json, model.safetensors, tokenizer.json (for the `tokenizers` package) and a README.md
with the hub's metadata. The network is no architecture of `transformers`: Charloom, or the
NumPy export, runs it; model.safetensors is one that `charloom.load` takes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from charloom.model import FILE_NAME, ModelData, save_model, write_atomically
from charloom.text import Vocabulary, writing_to

END = "<|endoftext|>"


def write_folder(data: ModelData, path: Path, name: str) -> None:
    """Write the folder."""
    with writing_to(path):
        path.mkdir(exist_ok=True)
    save_model(path / FILE_NAME, data)
    for file, content in (
        ("config.json", config(data)),
        ("tokenizer.json", tokenizer(data.vocabulary)),
        ("tokenizer_config.json", tokenizer_config(data.vocabulary)),
    ):
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        write_atomically(path / file, text.encode("utf-8"))
    write_atomically(path / "README.md", readme(data, name).encode("utf-8"))


def config(data: ModelData) -> dict[str, Any]:
    """The network in the hub's words, and where a text begins."""
    shape = data.shape
    return {
        "model_type": "charloom",
        "architectures": ["CharloomLSTM"],
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.units,
        "num_hidden_layers": shape.layers,
        "embedding_size": shape.embedding,
        "num_labels_written": shape.labels,
        "eos_token_id": data.vocabulary.end,
        "opening_token_ids": list(data.opening),
        "dtype": str(data.weights["dense.bias"].dtype),
    }


def tokenizer(vocabulary: Vocabulary) -> dict[str, Any]:
    """A tokenizer.json: every character, or every byte of UTF-8, is a token, with our ids."""
    is_bytes = vocabulary.kind == "bytes"
    special = [
        {
            "id": vocabulary.end,
            "content": END,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
    ]
    # Bytes are written as letters of their own, as GPT-2's tokenizer does.
    byte_level = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": False,
        "use_regex": False,
    }
    split = {
        "type": "Split",
        "pattern": {"Regex": r"[\s\S]"},
        "behavior": "Isolated",
        "invert": False,
    }
    model: dict[str, Any] = (
        {"type": "BPE", "vocab": _byte_ids(), "merges": []}
        if is_bytes
        else {
            "type": "WordLevel",
            "vocab": _character_ids(vocabulary),
            "unk_token": unknown_token(vocabulary),
        }
    )
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special if vocabulary.has_end else [],
        "normalizer": None,
        "pre_tokenizer": byte_level if is_bytes else split,
        "post_processor": None,
        "decoder": byte_level if is_bytes else {"type": "Fuse"},
        "model": model,
    }


def tokenizer_config(vocabulary: Vocabulary) -> dict[str, Any]:
    """What `transformers`' loader of any tokenizer.json wants to know besides."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": unknown_token(vocabulary),
        "eos_token": END if vocabulary.end is not None else None,
        "clean_up_tokenization_spaces": False,
    }


def unknown_token(vocabulary: Vocabulary) -> str | None:
    """What stands for characters never seen; it is decoded as Charloom does."""
    if vocabulary.kind == "bytes":
        return None
    return "<unk>" if 0xFFFD in vocabulary.ids else "\ufffd"


def _character_ids(vocabulary: Vocabulary) -> dict[str, int]:
    ids = {chr(symbol): number for number, symbol in enumerate(vocabulary.symbols)}
    ids[unknown_token(vocabulary) or ""] = len(ids)
    return ids


def _byte_ids() -> dict[str, int]:
    """The letter that stands for each byte: itself if it can be seen, else one from 256 on."""
    seen = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    unseen = [byte for byte in range(256) if byte not in seen]
    letters = {byte: chr(byte) for byte in seen}
    letters |= {byte: chr(256 + place) for place, byte in enumerate(unseen)}
    return {letters[byte]: byte for byte in range(256)}


def readme(data: ModelData, name: str) -> str:
    """The card: the hub's metadata, and how to write with the model."""
    scores, text = data.scores, data.text
    # Of the network alone: the memory is not in here.
    bits = scores.get("network_bits_per_character", scores.get("validation_bits_per_character"))
    lines = [
        "---",
        "library_name: charloom",
        "pipeline_tag: text-generation",
        "tags:",
        "- char-rnn",
        "- lstm",
        "- character-level",
    ]
    if bits is not None:
        lines += [
            "model-index:",
            f"- name: {json.dumps(name)}",
            "  results:",
            "  - task:",
            "      type: text-generation",
            "    dataset:",
            "      name: the end of its own text, held out",
            "      type: text",
            "    metrics:",
            "    - type: bits_per_character",
            f"      value: {bits:.3f}",
        ]
    lines += [
        "---",
        "",
        f"# {name}",
        "",
        "A character-level LSTM made by Charloom. It has learned how one text of "
        f"{text.get('characters', 0):,} characters is written, and writes more of it.",
        "",
        "```python",
        "import charloom",
        "from huggingface_hub import snapshot_download",
        "",
        'model = charloom.load(snapshot_download("USER/NAME"))',
        'print(model.write("Once "))',
        "```",
        "",
        "`tokenizer.json` gives the ids of "
        f"{'bytes' if data.vocabulary.kind == 'bytes' else 'characters'}, for the `tokenizers` "
        "package. The memory of the text that Charloom keeps beside the network is not in here: "
        "the text cannot be read out of these files.",
        "",
    ]
    if bits is not None:
        lines += [
            f"On {scores.get('validation_characters', 0):,} characters that it never saw it needs "
            f"{bits:.3f} bits per character.",
            "",
        ]
    return "\n".join(lines)
