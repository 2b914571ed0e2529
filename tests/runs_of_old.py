"""Runs as earlier versions wrote them."""

import shutil
from dataclasses import replace
from pathlib import Path

import convscope as cs
from convscope import files
from convscope.training import contents, seal


def aged(run: Path, copy: Path) -> Path:
    """Return a copy of a run whose data.json and recipe.toml have the full name of its data, with its folders."""
    loaded = cs.load_run(run)
    shutil.copytree(run, copy)
    for name in (contents.DATA, contents.RECIPE):
        text = (copy / name).read_text(encoding="utf-8")
        (copy / name).write_text(text.replace(loaded.dataset.title, loaded.dataset.name), encoding="utf-8")
    sums = {name: files.sha256((copy / name).read_bytes()) for name in contents.SETTINGS}
    seal.write(copy, sums, replace(loaded.result, sha256={**loaded.result.sha256, **sums}))
    return copy
