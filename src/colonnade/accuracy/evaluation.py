"""Runs one or two classifiers over a data set and counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from colonnade.accuracy.classifier import Classifier
from colonnade.accuracy.statistics import Estimate, Proportion, mcnemar, paired_difference, proportion
from colonnade.data import Dataset, Preprocess, Skipped, read_batches
from colonnade.errors import ColonnadeError

TOP = 5
_CHUNK = 32  # images read at a time, at least


@dataclass(frozen=True)
class ModelResult:
    """One model on the data. top1, top5: None without labels, top5 also with no more than five classes. ms: median of
    its runs of `batch` images each, the first one apart; reading and preprocessing are not in it."""

    name: str
    target: str
    batch: int
    threads: int
    classes: int
    top1: Proportion | None
    top5: Proportion | None
    ms: float
    images_per_second: float


@dataclass(frozen=True)
class Comparison:
    """Two models on the same images. agreement: how often they choose the same class. With labels: the images that
    only one of them gets right, the difference of their top-1 (first minus second), and the probability of counts this
    uneven if both were equally good (McNemar's test)."""

    agreement: Proportion
    only_first: int | None = None
    only_second: int | None = None
    difference: Estimate | None = None
    p_value: float | None = None


@dataclass(frozen=True)
class Evaluation:
    """What was found on `images` images of `data`. `skipped` ones could not be decoded and count nowhere."""

    data: str
    images: int
    skipped: tuple[Skipped, ...]
    models: tuple[ModelResult, ...]
    comparison: Comparison | None


@dataclass(frozen=True)
class _Answers:
    """A model's choice for each image i64 [n], how many classes it puts before the right one i64 [n], and the seconds
    of each run."""

    choices: np.ndarray
    ranks: np.ndarray | None
    seconds: Sequence[float]


def evaluate(
    data: Dataset,
    classifiers: Sequence[Classifier],
    preprocess: Preprocess | None = None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Evaluation:
    """Run one classifier, or two to compare, over the images; each read once and shown to both.

    progress(name, done, total) counts images. ColonnadeError if data and models do not fit each other, or there are
    neither labels nor a second model.
    """
    _check(data, classifiers)
    largest = max(classifier.batch for classifier in classifiers)
    chunk = largest * -(-_CHUNK // largest)
    batches = read_batches(data, classifiers[0].shape, preprocess=preprocess, batch=chunk)
    for classifier in classifiers:
        classifier.run(np.zeros((0, *classifier.shape), np.float32))  # page in weights and arena, untimed
    parts: list[list[_Answers]] = [[] for _ in classifiers]
    skipped: list[Skipped] = []
    for done, batch in enumerate(batches):
        progress(data.source.label, done * chunk, len(data))
        skipped += batch.skipped
        for answers, classifier in zip(parts, classifiers, strict=True):
            answers.append(_ask(classifier, batch.x, batch.labels))
    progress(data.source.label, len(data), len(data))
    joined = [_join(answers) for answers in parts]
    return Evaluation(
        data=data.source.label,
        images=len(data) - len(skipped),
        skipped=tuple(skipped),
        models=tuple(map(_result, classifiers, joined)),
        comparison=_compare(*joined) if len(joined) == 2 else None,
    )


def _check(data: Dataset, classifiers: Sequence[Classifier]) -> None:
    first, last = classifiers[0], classifiers[-1]
    if (first.shape, first.classes) != (last.shape, last.classes):
        raise ColonnadeError(
            f"{first.name} takes images {list(first.shape)} and has {first.classes} classes, but {last.name} takes "
            f"{list(last.shape)} and has {last.classes}; they cannot be compared"
        )
    if data.labels is None and len(classifiers) == 1:
        raise ColonnadeError(
            f"{data.source.label}: has no labels, so there is nothing to count; give labels or a second model"
        )
    data.check_classes(first.classes)


def _ask(classifier: Classifier, images: np.ndarray, labels: np.ndarray | None) -> _Answers:
    scores, seconds = classifier.scores(images)
    return _Answers(scores.argmax(1), None if labels is None else rank_of(labels, scores), seconds)


def rank_of(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """How many classes come before the right one, i64 [n], for scores [n, classes]. Of equal scores the lower class
    comes first, so rank 0 is where argmax is right."""
    own = np.take_along_axis(scores, labels[:, np.newaxis], 1)
    earlier = np.arange(scores.shape[1]) < labels[:, np.newaxis]
    ranks: np.ndarray = ((scores > own) | ((scores == own) & earlier)).sum(1)
    return ranks


def _join(parts: Sequence[_Answers]) -> _Answers:
    ranks = [part.ranks for part in parts if part.ranks is not None]
    return _Answers(
        np.concatenate([part.choices for part in parts]),
        np.concatenate(ranks) if ranks else None,
        [seconds for part in parts for seconds in part.seconds],
    )


def _result(classifier: Classifier, answers: _Answers) -> ModelResult:
    median = float(np.median(answers.seconds))
    return ModelResult(
        name=classifier.name,
        target=classifier.session.target,
        batch=classifier.batch,
        threads=classifier.threads,
        classes=classifier.classes,
        top1=_within(answers.ranks, 1),
        top5=_within(answers.ranks, TOP) if classifier.classes > TOP else None,
        ms=median * 1e3,
        images_per_second=classifier.batch / median,
    )


def _within(ranks: np.ndarray | None, top: int) -> Proportion | None:
    return None if ranks is None else proportion(int(np.count_nonzero(ranks < top)), len(ranks))


def _compare(first: _Answers, second: _Answers) -> Comparison:
    agreement = proportion(int(np.count_nonzero(first.choices == second.choices)), len(first.choices))
    if first.ranks is None or second.ranks is None:
        return Comparison(agreement)
    only_first = int(np.count_nonzero((first.ranks == 0) & (second.ranks > 0)))
    only_second = int(np.count_nonzero((first.ranks > 0) & (second.ranks == 0)))
    return Comparison(
        agreement,
        only_first,
        only_second,
        paired_difference(only_first, only_second, len(first.ranks)),
        mcnemar(only_first, only_second),
    )
