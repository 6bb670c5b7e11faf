"""Turning a folder of weights into a recognizer."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mask.card import Card
from mask.errors import UnreadableWeights
from mask.folds import FoldedRecognizer
from mask.torch_recognizer import Trainable
from mask.weights import fill, read_state, sha256

SCHEMA = "mask.model/1"
MEGC = ("negative", "positive", "surprise")
"""The classes of MEGC2019 in their published order; what an untrained recognizer answers with."""


def maker(
    name: str, kind: Callable[..., Trainable], published_labels: tuple[str, ...] | None = None
) -> Callable[..., Trainable | FoldedRecognizer]:
    """The ``create`` of a recognizer: trained when ``weights`` names a folder, untrained otherwise.

    Args:
        name: the recognizer's name.
        kind: its class, which takes labels, and the options by keyword. ``create`` takes the same options, after
            ``weights``; those that weights were saved with go before those asked for.
        published_labels: the label order of published weights, or `None` when none are published.
    """

    def create(weights: str | None = None, **asked: Any) -> Trainable | FoldedRecognizer:
        if weights is None:
            return kind(MEGC, **asked)
        return _load(name, lambda saved, labels: kind(labels, **(asked | saved)), Path(weights), published_labels)

    options = [p for p in inspect.signature(kind).parameters.values() if p.kind is p.KEYWORD_ONLY]
    folder = inspect.signature(create).parameters["weights"]
    create.__signature__ = inspect.Signature([folder, *options])  # type: ignore[attr-defined]
    return create


def _load(
    name: str,
    build: Callable[[dict[str, Any], tuple[str, ...]], Trainable],
    folder: Path,
    published_labels: tuple[str, ...] | None,
) -> FoldedRecognizer:
    """What `mask train` wrote, or a published folder of one ``<subject>.pth`` per held-out subject."""
    if not folder.is_dir():
        raise UnreadableWeights(f"there is no folder of weights at {folder}")
    path = folder / "model.json"
    if path.is_file():
        card = Card.read(path, SCHEMA, "recognizer", name)
        models = card.models(build)
        return FoldedRecognizer(name, models, strangers="average", seen=card.seen, card=card.told())
    files = sorted(p for p in folder.iterdir() if p.suffix in (".pth", ".pt", ".safetensors"))
    if published_labels is None or not files:
        raise UnreadableWeights(
            f"{folder} holds no model.json as 'mask train {name}' writes it"
            + ("" if published_labels is None else " and no <subject>.pth weights")
        )
    folds = {}
    for path in files:
        model = build({}, published_labels)
        fill(model.module, read_state(path), path)
        folds[path.stem] = model
    told = {"weights": "published", "sha256": {p.name: sha256(p) for p in files}}
    return FoldedRecognizer(name, folds, strangers="average", card=told)
