"""Recipes: what `colonnade finetune` is to do, read from a TOML file and checked before anything is loaded."""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from colonnade.errors import ColonnadeError
from colonnade.sparse import Pattern
from colonnade.train.schedule import Gradual, OneShot, Schedule, StraightThrough

Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
NotNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]

_SCHEDULES: dict[str, type[Schedule]] = {
    "one-shot": OneShot,
    "gradual": Gradual,
    "straight-through": StraightThrough,
}


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelSection(_Section):
    """source: FILE.py:FUNCTION, beside the recipe, or MODULE:FUNCTION; it is called with `arguments` and returns an
    nn.Module. weights: a file that holds its state_dict."""

    source: str
    arguments: dict[str, Any] = {}
    weights: Path | None = None


class DataSection(_Section):
    """kind: which data set. path: its folder. shift, flip: random changes to training images, of at most so many
    pixels. held_out: the last so many training images are measured on instead of the test images, and not trained on.
    size, mean, deviation: of folders of pictures, which are cropped to size x size. workers: processes that read ahead,
    for each training process."""

    kind: Literal["fashion-mnist", "digits", "folder"]
    path: Path | None = None
    shift: Annotated[int, Field(ge=0)] = 0
    flip: bool = False
    held_out: Annotated[int, Field(ge=0)] = 0
    size: Count = 224
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    deviation: tuple[Positive, Positive, Positive] = (0.229, 0.224, 0.225)
    workers: Annotated[int, Field(ge=0)] = 0


class MasksSection(_Section):
    """A schedule and its numbers (docs/training.md)."""

    kind: Literal["one-shot", "gradual", "straight-through"] = "one-shot"
    steps: int | None = None
    begin: int | None = None
    every: int | None = None
    until: int | None = None

    def schedule(self) -> Schedule:
        """ColonnadeError for a number that the kind does not have, lacks, or that is out of range."""
        chosen = _SCHEDULES[self.kind]
        given = self.model_dump(exclude={"kind"}, exclude_none=True)
        known = {field.name: field.default is dataclasses.MISSING for field in dataclasses.fields(chosen)}
        for name in given.keys() - known.keys():
            raise ColonnadeError(f"{self.kind} has no {name!r}; it has {', '.join(known) or 'no numbers'}")
        for name, required in known.items():
            if required and name not in given:
                raise ColonnadeError(f"{self.kind} needs {name!r}")
        return chosen(**given)


class PruneSection(_Section):
    """sparsity, tile and group are those of `sparse.Pattern`; without group, all columns are one. skip: layers to
    leave dense. start: instead of all others, an ONNX file that was pruned from the network with its weights: training
    goes on from there, and what is zero stays zero."""

    start: Path | None = None
    sparsity: Fraction | None = None
    tile: Count = 8
    group: Count | None = None
    skip: tuple[str, ...] = ()
    masks: MasksSection = MasksSection()

    def check(self) -> None:
        """ColonnadeError for keys that do not go together."""
        if self.start is None and self.sparsity is None:
            raise ColonnadeError("prune: 'sparsity' is missing, or 'start', a file that is pruned already")
        if self.start is not None and (others := self.model_fields_set - {"start"}):
            raise ColonnadeError(f"prune: {min(others)!r} is what the file of 'start' has; leave one of them out")
        try:
            self.masks.schedule()
        except ColonnadeError as error:
            raise ColonnadeError(f"prune.masks: {error}") from error

    def pattern(self) -> Pattern | None:
        """None: the zeros of `start`."""
        return None if self.sparsity is None else Pattern(self.sparsity, self.tile, self.group)


class DistillSection(_Section):
    """As in `distill.Distillation`."""

    weight: Annotated[float, Field(ge=0, le=1)] = 0.9
    temperature: Positive = 4.0
    features: tuple[str, ...] = ()
    feature_weight: NotNegative = 1.0


class TrainSection(_Section):
    """batch: images of one step, over all processes. rate: the highest learning rate; it rises linearly over the share
    `warmup` of all steps, then follows `decay`: cosine (to 0), step (divided by 10 every `decay_epochs`), or constant.
    clip: largest norm of the gradient. patience: epochs without a better accuracy after which to stop.
    checkpoint_steps: a checkpoint every so many steps, besides those after each epoch. channels_last: the layout of
    images and weights in memory, on many CPUs and GPUs the faster one."""

    epochs: Count
    batch: Count = 128
    optimizer: Literal["sgd", "adamw"] = "sgd"
    rate: Positive = 0.01
    momentum: Fraction = 0.9
    weight_decay: NotNegative = 0.0
    warmup: Fraction = 0.0
    decay: Literal["cosine", "step", "constant"] = "cosine"
    decay_epochs: Count = 30
    clip: Positive | None = None
    patience: Count | None = None
    checkpoint_steps: Count | None = None
    precision: Literal["no", "bf16"] = "no"
    channels_last: bool = False


class Recipe(_Section):
    """One run. output: folder for checkpoints, metrics and results. Paths are relative to the recipe's file. Without
    [prune] the network is trained dense; without [distill] by the labels alone."""

    output: Path
    seed: Annotated[int, Field(ge=0)] = 0
    model: ModelSection
    data: DataSection
    train: TrainSection
    prune: PruneSection | None = None
    distill: DistillSection | None = None


def read_recipe(path: Path) -> Recipe:
    """The recipe in a TOML file. ColonnadeError, one line for the first mistake, with the nearest key for one that is
    misspelt."""
    try:
        recipe = Recipe.model_validate(tomllib.loads(path.read_text()))
        if recipe.prune:
            recipe.prune.check()
    except FileNotFoundError:
        raise ColonnadeError(f"{path}: there is no such recipe") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ColonnadeError(f"{path}: cannot be read as TOML: {error}") from error
    except ValidationError as error:
        raise ColonnadeError(f"{path}: {_first_mistake(error)}") from error
    except ColonnadeError as error:
        raise ColonnadeError(f"{path}: {error}") from error
    return recipe


def _first_mistake(error: ValidationError) -> str:
    """A misspelt key before others: a key that is missing may be that one."""
    details = sorted(error.errors(), key=lambda detail: detail["type"] != "extra_forbidden")[0]
    keys = [str(part) for part in details["loc"]]
    place = ".".join(keys)
    if details["type"] == "extra_forbidden":
        known = list(_section(keys[:-1]).model_fields)
        near = difflib.get_close_matches(keys[-1], known, n=1, cutoff=0.0)[0]
        return f"unknown key {place!r}; the nearest is {near!r}"
    if details["type"] == "missing":
        return f"{place!r} is missing"
    return f"{place!r} is {details['input']!r}: {details['msg'][0].lower()}{details['msg'][1:]}"


def _section(keys: list[str]) -> type[BaseModel]:
    """The section to which a chain of keys leads."""
    section: type[BaseModel] = Recipe
    for key in keys:
        annotation = section.model_fields[key].annotation
        classes = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type)]
        section = next(kind for kind in classes if issubclass(kind, BaseModel))
    return section
