"""Folders that hold a split: ``train``, ``Testing``, ``val_set``, ``seg_train`` … by the words in their names."""

from __future__ import annotations

import re

TRAIN, VAL, TEST = "train", "val", "test"

WORDS = {
    "train": TRAIN, "training": TRAIN, "trn": TRAIN,
    "val": VAL, "valid": VAL, "validation": VAL, "validate": VAL, "dev": VAL,
    "test": TEST, "testing": TEST, "tst": TEST,
}  # fmt: skip
"""Words that name a split."""

BESIDE = {"", "set", "sets", "data", "dataset", "split", "images", "image", "imgs", "img", "pictures", "photos", "seg"}
"""Words that say nothing beside one of those, as in ``train_set`` and ``seg_test``."""

_END = re.compile(r"(set|data|images|imgs)$")


def split_of(folder: str) -> str:
    """The split that a folder is named after; empty for all others.

    >>> [split_of(name) for name in ("Training", "seg_test", "valset", "test-images", "train2017", "test tube")]
    ['train', 'test', 'val', 'test', 'train', '']
    """
    words = [_word(word) for word in re.split(r"[^a-z]+", folder.lower())]
    named = {WORDS[word] for word in words if word in WORDS}
    rest = [word for word in words if word not in WORDS and word not in BESIDE]
    return named.pop() if len(named) == 1 and not rest else ""


def _word(word: str) -> str:
    """``trainset`` as ``train``."""
    short = _END.sub("", word)
    return short if short in WORDS else word
