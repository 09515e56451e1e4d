"""Files to ids: reading, decoding, the vocabulary and the prepared corpus."""

from .checks import check_dropout, check_whole
from .corpus import (
    Corpus,
    TextFacts,
    cache_folder,
    prepare,
    read_lowercase,
    read_texts,
    reopen,
    writing_to,
)
from .errors import CharloomError, ModelError, SettingError, StorageError, TextError
from .ids import Ids, Stretches
from .labels import FOLDER, MOST_LABELS, Labels, each_label
from .samples import SAMPLES, sample
from .sources import END, PIPE, Reading, stem_of
from .vocabulary import (
    STAND_INS,
    UNICODE_CHARACTERS,
    Folding,
    Kind,
    Vocabulary,
    build_vocabulary,
)

__all__ = [
    "END",
    "FOLDER",
    "MOST_LABELS",
    "PIPE",
    "SAMPLES",
    "STAND_INS",
    "UNICODE_CHARACTERS",
    "CharloomError",
    "Corpus",
    "Folding",
    "Ids",
    "Kind",
    "Labels",
    "ModelError",
    "Reading",
    "SettingError",
    "StorageError",
    "Stretches",
    "TextError",
    "TextFacts",
    "Vocabulary",
    "build_vocabulary",
    "cache_folder",
    "check_dropout",
    "check_whole",
    "each_label",
    "prepare",
    "read_lowercase",
    "read_texts",
    "reopen",
    "sample",
    "stem_of",
    "writing_to",
]
