"""The part of the document about a run, and the images."""

from __future__ import annotations

from convscope.explorer.struct import Struct


class Image(Struct, frozen=True):
    """An image, with the prediction for it if there is one.

    Attributes:
        name: its file, or its split and index.
        split: the split of the data set that it is in; empty for a given image.
        number: its index in the split; null for a given image.
        truth: index of its class; null if unknown.
        predicted: index of the predicted class; null without a prediction.
        probability: probability of the predicted class.
        loss: cross-entropy in nats.
        scores: for each class, before the softmax; null without a prediction, or with more than 100 classes.
        near: training images with the nearest values before the last layer, nearest first: index in the neighbours of
            the document, and distance; empty where they were not searched.
        shape: ``h w c``.
        blob: key of its pixels in the blobs, uint8 ``h w c``.
    """

    name: str
    split: str
    number: int | None
    truth: int | None
    predicted: int | None
    probability: float | None
    loss: float | None
    scores: tuple[float, ...] | None
    near: tuple[tuple[int, float], ...]
    shape: tuple[int, int, int]
    blob: str


class Report(Struct, frozen=True):
    """A line of the training log.

    Attributes:
        step: number of steps done.
        epoch: epochs done, a fraction within an epoch.
        loss: mean over the training images since the epoch began, in nats.
        accuracy: likewise.
        learning_rate: at this step.
        seconds: time of training so far.
        val_loss: on the validation images; null where the net was not validated.
        val_accuracy: likewise.
    """

    step: int
    epoch: float
    loss: float
    accuracy: float
    learning_rate: float
    seconds: float
    val_loss: float | None
    val_accuracy: float | None


class Sureness(Struct, frozen=True):
    """How sure the net is of its predictions, and its loss if it were more or less so.

    Attributes:
        correct: correctly classified images by the probability of the predicted class, in hundredths: 100 counts, the
            last one with those of probability 1.
        wrong: misclassified images likewise.
        mean_correct: mean of that probability over the correctly classified images; null without such images.
        mean_wrong: over the misclassified images; likewise.
        scaled: the loss if all scores are multiplied by 0.1, 0.2, … 10, in nats; empty where it was not computed.
        scaled_images: number of images over which it was computed, evenly spaced.
    """

    correct: tuple[int, ...]
    wrong: tuple[int, ...]
    mean_correct: float | None
    mean_wrong: float | None
    scaled: tuple[float, ...]
    scaled_images: int


class Evaluation(Struct, frozen=True):
    """The result on a split of the data set.

    Attributes:
        split: its name.
        count: number of images.
        hits: number of correctly classified images.
        accuracy: their share.
        interval: 95 % interval of the accuracy (Wilson).
        loss: mean cross-entropy in nats.
        calibration: expected calibration error, 0 to 1.
        confusion: ``[true, predicted, count]`` for each pair that occurs.
        sureness: how sure the net is of its predictions; null where it was not computed.
    """

    split: str
    count: int
    hits: int
    accuracy: float
    interval: tuple[float, float]
    loss: float
    calibration: float
    confusion: tuple[tuple[int, int, int], ...]
    sureness: Sureness | None


class Activity(Struct, frozen=True):
    """The values of a layer over a sample of test images, one entry for each channel.

    Attributes:
        layer: the layer.
        images: number of images in the sample.
        mean: mean of the values.
        std: their standard deviation.
        positive: share of the values that are positive.
        dead: channels that have the same value at all positions of all images.
        twins: pairs of channels that rise and fall together (correlation of at least 0.999), dead ones left out.
        rank: effective rank of the channels: the exponential of the entropy of the eigenvalues of their covariance, as
            shares (Roy and Vetterli, EUSIPCO 2007); 0 if all are dead.
    """

    layer: str
    images: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    positive: tuple[float, ...]
    dead: tuple[int, ...]
    twins: tuple[tuple[int, int], ...]
    rank: float


class Data(Struct, frozen=True):
    """The data set that a run was trained on.

    Attributes:
        name: its name, without folders of this machine.
        licence: the licence and the authors.
        counts: images by split.
        fingerprints: SHA-256 of a sample of the images and labels, by split.
    """

    name: str
    licence: str
    counts: dict[str, int]
    fingerprints: dict[str, str]


class Fact(Struct, frozen=True):
    """A line of the provenance.

    Attributes:
        name: what.
        value: its value, as text.
    """

    name: str
    value: str


class Run(Struct, frozen=True):
    """A training run.

    Attributes:
        name: name of its folder.
        step: the step at which it was stopped; null for a finished run.
        seed: for weights, order and shifts.
        recipe: name of the recipe.
        data: the data set.
        seconds: time of training.
        images_per_second: speed of training; null for a run that is not finished.
        evaluation: the result on the test images; null if they are not at hand.
        log: the training log, at most some hundreds of lines, evenly spaced, and all with a validation.
        activity: values of layers over test images; empty if these are not at hand.
        provenance: what is needed to repeat the run.
    """

    name: str
    step: int | None
    seed: int
    recipe: str
    data: Data
    seconds: float
    images_per_second: float | None
    evaluation: Evaluation | None
    log: tuple[Report, ...]
    activity: tuple[Activity, ...]
    provenance: tuple[Fact, ...]


class Paired(Struct, frozen=True):
    """Two runs on the same test images, and whether one is better.

    Attributes:
        both: images that both classify correctly.
        only_first: images that only the first classifies correctly.
        only_second: images that only the second classifies correctly.
        neither: images that both misclassify.
        difference: accuracy of the second minus that of the first.
        interval: 95 % interval of the difference (Bonett and Price).
        p: p value of McNemar's exact test, two-sided.
        images: images that only one classifies correctly, at most some hundreds: index in the split, true class, and
            what the first and what the second predicts.
    """

    both: int
    only_first: int
    only_second: int
    neither: int
    difference: float
    interval: tuple[float, float]
    p: float
    images: tuple[tuple[int, int, int, int], ...]


class Against(Struct, frozen=True):
    """A second run, which the first is compared with.

    Attributes:
        run: the second run; the values of its layers are left out.
        notation: its net in the notation.
        paired: the comparison on the test images.
    """

    run: Run
    notation: str
    paired: Paired
