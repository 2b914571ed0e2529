"""The data sets by name: those declared here, and the user's own."""

from __future__ import annotations

import os
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from convscope.data.cifar import CifarFiles
from convscope.data.dataset import Dataset, Split
from convscope.data.home import home, printable
from convscope.data.idx import File, IdxFiles
from convscope.data.kinds import kinds
from convscope.data.spelled import spelled
from convscope.errors import DataError, unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.core.shape import Shape
    from convscope.data.preparation import Preparation

__all__ = ["DATASETS", "Dataset", "Split", "find", "load"]

HERE = Path()
"""Placeholder for the folder that :func:`located` finds."""

DATASETS: dict[str, Dataset] = {
    # checksums of the files as their authors published them; `repacked`: as packed again in the Python package
    "mnist": Dataset(
        name="mnist",
        shape=(1, 28, 28),
        classes=tuple("0123456789"),
        counts={"train": 60000, "test": 10000},
        mean=0.1307,
        std=0.3081,
        ink=True,
        licence="CC BY-SA 3.0, Y. LeCun, C. Cortes and C. J. C. Burges",
        folder=HERE,
        source=IdxFiles(
            package="convscope_mnist",
            site="https://storage.googleapis.com/cvdf-datasets/mnist",
            train=(
                File(
                    "train-images-idx3-ubyte.gz",
                    "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                    (60000, 28, 28),
                    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                    repacked="0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971",
                ),
                File(
                    "train-labels-idx1-ubyte.gz",
                    "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                    (60000,),
                    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                    repacked="1787548bbe0bff1ec2ecdc0ef292b02df999e2d1a6002d27500982c652b17203",
                ),
            ),
            test=(
                File(
                    "t10k-images-idx3-ubyte.gz",
                    "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                    (10000, 28, 28),
                    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                    repacked="1a1a05eab793c14bb050b398624a11b0ffd1a2953baed553b1b9bd079e2a20be",
                ),
                File(
                    "t10k-labels-idx1-ubyte.gz",
                    "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                    (10000,),
                    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
                    repacked="b91679a0acfe4ba0e50a2437a903084cba1f5f92592b016a25a7dfd00455798b",
                ),
            ),
        ),
    ),
    # checksums as TensorFlow Datasets records them
    "fashion-mnist": Dataset(
        name="fashion-mnist",
        shape=(1, 28, 28),
        classes=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        counts={"train": 60000, "test": 10000},
        mean=0.2860,
        std=0.3530,
        ink=False,
        licence="MIT, Zalando SE (H. Xiao, K. Rasul and R. Vollgraf)",
        folder=HERE,
        source=IdxFiles(
            train=(
                File(
                    "train-images-idx3-ubyte.gz",
                    "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                    (60000, 28, 28),
                    "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                ),
                File(
                    "train-labels-idx1-ubyte.gz",
                    "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                    (60000,),
                    "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                ),
            ),
            test=(
                File(
                    "t10k-images-idx3-ubyte.gz",
                    "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                    (10000, 28, 28),
                    "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                ),
                File(
                    "t10k-labels-idx1-ubyte.gz",
                    "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                    (10000,),
                    "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
                ),
            ),
            site="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        ),
    ),
    "cifar10": Dataset(
        name="cifar10",
        shape=(3, 32, 32),
        classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
        counts={"train": 50000, "test": 10000},
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2470, 0.2435, 0.2616),
        ink=False,
        licence="A. Krizhevsky, V. Nair and G. Hinton; no licence stated, cite their report of 2009",
        folder=HERE,
        source=CifarFiles(),
    ),
}
"""Every data set of fixed content by name; ``:FOLDER`` may follow the name."""


def find(  # noqa: PLR0913 -- the options, by keyword
    name: str,
    shape: Shape | None = None,
    *,
    skip_bad: bool = False,
    partial: bool = False,
    preparation: Preparation | None = None,
    report: Callable[[int, int], None] | None = None,
) -> Dataset:
    """Find the data set of that name: a declared one, ``name:FOLDER`` for one in a folder, ``kind:PATH``, or a path.

    The user's own images are prepared when they are first requested at a size.

    Args:
        name: as in a recipe or on the command line.
        shape: ``c h w`` that a net expects; for sets that can be resized, unless the name states a size.
        skip_bad: leave out files that cannot be used; else they are an error.
        partial: for a set that is only evaluated on: one class is enough, and none needs images for training.
        preparation: how the user's own images are prepared, for a net that was trained on others.
        report: called now and then with the number of prepared images and of all images.

    Raises:
        UnknownNameError: there is no such data set.
        DataError: its files cannot be used.
        MissingExtraError: a package that it needs is not installed.

    >>> find("mnist").count("train")
    60000
    """
    if name in DATASETS:
        return located(DATASETS[name])
    wanted = spelled(name)
    if wanted.kind in DATASETS and wanted.path:
        return replace(DATASETS[wanted.kind], name=f"{wanted.kind}:{wanted.folder}", folder=wanted.folder)
    if wanted.kind not in kinds() and {"/", os.sep} & {*name}:
        raise DataError(f"{printable(name)} does not exist", expected="a folder, a file, or the name of a data set")
    if wanted.kind not in kinds() or not wanted.path:
        raise unknown("data set", name, [*DATASETS, *(f"{kind.name}:{kind.what}" for kind in kinds().values())])
    skip_bad = wanted.skip_bad or skip_bad
    wanted = replace(wanted, shape=wanted.shape or shape, skip_bad=skip_bad, preparation=preparation)
    try:
        return kinds()[wanted.kind].opened(wanted, report)
    except DataError:
        if not partial:
            raise
    return kinds()[wanted.kind].opened(replace(wanted, partial=True), report)


def located(dataset: Dataset) -> Dataset:
    """Return a declared set with its folder: that of a Python package with its files, or one in the user's folder."""
    if dataset.folder != HERE:
        return dataset
    package = getattr(dataset.source, "package", "")
    found = find_spec(package) if package else None
    places = (found and found.submodule_search_locations) or ()
    return replace(dataset, folder=next(map(Path, places), home() / dataset.name))


def at_hand(name: str) -> Dataset | None:
    """Return a data set of fixed content if its files are in place, otherwise None.

    Nothing is downloaded or written, and no folder is searched.

    >>> at_hand("mnist").name, at_hand("folder:/home"), at_hand("mnist:/home")
    ('mnist', None, None)
    """
    if name not in DATASETS:
        return None
    found = find(name)
    return found if isinstance(found.source, IdxFiles | CifarFiles) and found.source.lie_in(found.folder) else None


def load(dataset: Dataset, split: str) -> Split:
    """Read and check a split.

    Raises:
        DataError: a file is missing or damaged, or a label names no class.

    >>> load(DATASETS["mnist"], "test").labels[:5].tolist()
    [7, 2, 1, 0, 4]
    """
    dataset = located(dataset)
    dataset.count(split)
    found = dataset.source.load(dataset, split)
    if found.images.shape != (dataset.count(split), *dataset.shape):
        raise DataError(
            f"{dataset.name} has {split} images {found.images.shape}",
            expected=str((dataset.count(split), *dataset.shape)),
        )
    for label in (found.labels.min(), found.labels.max()) if len(found.labels) else ():
        if not 0 <= int(label) < len(dataset.classes):
            raise DataError(f"{dataset.name} has a label {label}", expected=f"0 to {len(dataset.classes) - 1}")
    return found
