"""Turning a folder of weights into a recognizer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mask.errors import UnreadableWeights
from mask.folds import FoldedRecognizer
from mask.torch_recognizer import Trainable
from mask.weights import fill, read_state, sha256

SCHEMA = "mask.model/1"
MEGC = ("negative", "positive", "surprise")
"""The classes of MEGC2019 in their published order; what an untrained recognizer answers with."""


def create(
    family: str,
    kind: Callable[..., Trainable],
    weights: str | None,
    asked: dict[str, Any],
    published_labels: tuple[str, ...] | None = None,
) -> Trainable | FoldedRecognizer:
    """What a recognizer's own ``create`` returns: trained when `weights` names a folder, untrained otherwise.

    Args:
        family: the recognizer's name.
        kind: takes labels and the options by keyword; saved options go before those asked for.
        published_labels: see `load`.
    """

    def build(saved: dict[str, Any], labels: tuple[str, ...]) -> Trainable:
        return kind(labels, **(asked | saved))

    if weights is None:
        return build({}, MEGC)
    return load(family, build, Path(weights), published_labels)


def load(
    family: str,
    build: Callable[[dict[str, Any], tuple[str, ...]], Trainable],
    folder: Path,
    published_labels: tuple[str, ...] | None,
) -> FoldedRecognizer:
    """Load what `mask train` wrote, or a published folder of one ``<subject>.pth`` per held-out subject.

    Args:
        family: the recognizer's name.
        build: makes the untrained recognizer from saved options and labels.
        folder: where the weights are.
        published_labels: the label order of the published weights, or `None` when none are published.

    Raises:
        UnreadableWeights: with what is there and what was expected.
    """
    if not folder.is_dir():
        raise UnreadableWeights(f"there is no folder of weights at {folder}")
    card = folder / "model.json"
    if card.is_file():
        return _trained(family, build, card)
    files = sorted(p for p in folder.iterdir() if p.suffix in (".pth", ".pt", ".safetensors"))
    if published_labels is None or not files:
        raise UnreadableWeights(
            f"{folder} holds no model.json as 'mask train {family}' writes it"
            + ("" if published_labels is None else " and no <subject>.pth weights")
        )
    folds = {}
    for path in files:
        model = build({}, published_labels)
        fill(model.module, read_state(path), path)
        folds[path.stem] = model
    told = {"weights": "published", "sha256": {p.name: sha256(p) for p in files}}
    return FoldedRecognizer(family, folds, strangers="average", card=told)


def _trained(
    family: str, build: Callable[[dict[str, Any], tuple[str, ...]], Trainable], card: Path
) -> FoldedRecognizer:
    try:
        saved = json.loads(card.read_text(encoding="utf-8"))
        name, options, labels = saved["recognizer"], dict(saved["options"]), tuple(map(str, saved["labels"]))
        files = {str(k): str(v) for k, v in saved["folds"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableWeights(f"{card} is not a model card of schema {SCHEMA} ({error})") from error
    if saved.get("schema") != SCHEMA or name != family:
        raise UnreadableWeights(
            f"{card} describes {name!r} of schema {saved.get('schema')!r}, not {family!r} of {SCHEMA}"
        )
    models: dict[str, Trainable] = {}
    for file in dict.fromkeys(files.values()):
        if Path(file).name != file:
            raise UnreadableWeights(f"{card} names the weights {file!r}, which is not a file beside it")
        models[file] = build(options, labels)
        fill(models[file].module, read_state(card.parent / file), card.parent / file)
    training = saved.get("training", {})
    told = {"weights": "trained here", "training": training}
    told["sha256"] = {file: sha256(card.parent / file) for file in models}
    folds = {subject: models[file] for subject, file in files.items()}
    return FoldedRecognizer(family, folds, strangers="average", seen=training.get("seen", ()), card=told)
