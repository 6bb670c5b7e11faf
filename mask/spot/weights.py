"""Trained spotters on disk: one model per fold, and a card that says how they were trained."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from mask import __version__
from mask.card import Card
from mask.contracts import Progress, quiet
from mask.errors import UnreadableData, UnreadableWeights, UsageError
from mask.files import write_json
from mask.weights import fill, read_state, sha256, write_state

from .learn import TrainableSpotter
from .motion import Motion
from .spotter import FoldedSpotter
from .video import LongVideos

SCHEMA = "mask.spotter/1"
CARD, _MARK = "spotter.json", "training.json"

Build = Callable[..., TrainableSpotter]


def train(
    recipe: TrainableSpotter,
    videos: LongVideos,
    seen: Sequence[Motion],
    folds: Sequence[tuple[str, ...]],
    *,
    seed: int = 0,
    out: Path | None = None,
    progress: Progress = quiet,
) -> FoldedSpotter:
    """Train one model per fold; no video is ever judged by a model that has seen its subject.

    With `out`, each model is written as it is finished and found again when the training is started anew with the same
    options, so that an interrupted one goes on where it stopped.

    Args:
        seen: the motion in each of `videos.videos`.
        folds: the subjects each model must not see, as `mask.train.held_out` gives them.
        progress: counts epochs.

    Raises:
        UnreadableData: when the videos a fold may learn from show no expression.
        UsageError: when `out` holds another training.
    """
    card = _header(recipe, videos, folds, seed)
    if out is not None:
        _claim(out, card)
    models: dict[str, TrainableSpotter] = {}
    for k, held in enumerate(folds):
        file = None if out is None else out / f"fold-{k:03d}.safetensors"
        if file is not None and file.is_file():
            with torch.random.fork_rng():
                model = recipe.fresh(videos.emotions)
            fill(model.module, read_state(file), file)
            progress(recipe.epochs)
        else:
            examples = [
                (s, v.truth) for v, s in zip(videos.videos, seen, strict=True) if v.subject not in held and v.truth
            ]
            try:
                model = recipe.fit(examples, videos.emotions, seed + k, progress)
            except (ValueError, RuntimeError) as error:
                raise UnreadableData(f"fold {k}, without {', '.join(held)}, cannot be trained: {error}") from error
            if file is not None:
                write_state(model.module, file)
        models |= dict.fromkeys(held, model)
    if out is not None:
        files = sorted(set(card["folds"].values()))
        write_json({**card, "sha256": {f: sha256(out / f) for f in files}}, out / CARD)
        (out / _MARK).unlink(missing_ok=True)
    told = {"weights": "trained here", "training": card["training"]}
    return FoldedSpotter(recipe.name, models, seen=card["training"]["seen"], card=told)


def _header(
    recipe: TrainableSpotter, videos: LongVideos, folds: Sequence[tuple[str, ...]], seed: int
) -> dict[str, Any]:
    tested = {s for fold in folds for s in fold}
    return {
        "schema": SCHEMA,
        "spotter": recipe.name,
        "options": recipe.options(),
        "emotions": list(videos.emotions),
        "folds": {s: f"fold-{k:03d}.safetensors" for k, fold in enumerate(folds) for s in fold},
        "training": {
            "data": videos.name,
            "videos": len(videos.videos),
            "subjects": len(videos.subjects),
            "seed": seed,
            "epochs": recipe.epochs,
            "epoch_selection": "none: the last epoch is the model",
            "seen": [s for s in videos.subjects if s not in tested],
            "mask": __version__,
        },
    }


def _claim(out: Path, card: dict[str, Any]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    mark = out / _MARK
    if (out / CARD).exists():
        raise UsageError(f"{out} holds a finished training; choose another folder, or --force to replace it")
    if mark.exists():
        if json.loads(mark.read_text(encoding="utf-8")) != card:
            raise UsageError(f"{out} holds an unfinished training of other options; choose another folder, or --force")
    elif any(out.iterdir()):
        raise UsageError(f"{out} is not empty; choose another folder, or --force to replace it")
    else:
        write_json(card, mark)


def create(
    name: str, kind: Build, weights: str | None, asked: dict[str, Any], emotions: Sequence[str] = ()
) -> TrainableSpotter | FoldedSpotter:
    """What a spotter's own ``create`` returns: trained when `weights` names a folder, untrained otherwise.

    Args:
        name: the spotter's name.
        kind: takes emotions and the options by keyword; saved options go before those asked for, but for ``share``,
            which is no part of the training.
        emotions: what an untrained one answers with.

    Raises:
        UnreadableWeights: with what is there and what was expected.
    """
    if weights is None:
        return kind(emotions, **asked)
    card = Path(weights) / CARD
    if not card.is_file():
        raise UnreadableWeights(f"{weights} holds no {CARD} as 'mask spot {name} --train' writes it")
    found = Card.read(card, SCHEMA, "spotter", name, "emotions")
    models = found.models(lambda saved, named: kind(named, **(asked | saved | {"share": asked["share"]})))
    return FoldedSpotter(name, models, seen=found.seen, card=found.told())
