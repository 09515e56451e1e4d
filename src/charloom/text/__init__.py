"""Files to ids: reading, decoding, the vocabulary and the prepared corpus."""

from .checks import check_dropout, check_whole
from .corpus import (
    Corpus,
    Ids,
    TextFacts,
    cache_folder,
    prepare,
    read_lowercase,
    read_texts,
    reopen,
    writing_to,
)
from .errors import CharloomError, ModelError, SettingError, StorageError, TextError
from .samples import SAMPLES, sample
from .sources import END, PIPE, Reading, stem_of
from .vocabulary import UNICODE_CHARACTERS, Folding, Kind, Vocabulary, build_vocabulary

__all__ = [
    "END",
    "PIPE",
    "SAMPLES",
    "UNICODE_CHARACTERS",
    "CharloomError",
    "Corpus",
    "Folding",
    "Ids",
    "Kind",
    "ModelError",
    "Reading",
    "SettingError",
    "StorageError",
    "TextError",
    "TextFacts",
    "Vocabulary",
    "build_vocabulary",
    "cache_folder",
    "check_dropout",
    "check_whole",
    "prepare",
    "read_lowercase",
    "read_texts",
    "reopen",
    "sample",
    "stem_of",
    "writing_to",
]
