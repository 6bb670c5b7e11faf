"""``mask train``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from mask import registry
from mask.cli.console import Progress, print_json, say
from mask.cli.evaluate import show
from mask.errors import UsageError
from mask.model_card import CARD, LOG, PAGE
from mask.runs import claim_training
from mask.spot.spotter import Spotter
from mask.torch_recognizer import Trainable
from mask.train import PROTOCOLS, held_out
from mask.train import train as fit


def train(
    recognizer: str,
    data: str,
    out: Path,
    *,
    protocol: str,
    validation: float,
    class_weights: bool,
    augment: Sequence[str] = (),
    seed: int,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Train subject-independently, save the weights, score on the held-out subjects."""
    chosen = next((p for p in PROTOCOLS if p == protocol), None)
    if chosen is None:
        raise UsageError(f"--protocol is {protocol!r}; expected one of {', '.join(PROTOCOLS)}")
    model = registry.create("recognizers", recognizer)
    if isinstance(model, Spotter):
        raise UsageError(f"{model.name} spots in long videos; train it with 'mask spot {model.name} --train {chosen}'")
    if not isinstance(model, Trainable):
        raise UsageError(f"{recognizer!r} is trained already; name it without weights to train it anew")
    ways = [registry.create("augmentations", spec) for spec in augment]
    dataset = registry.create("datasets", data)
    folds = held_out(dataset, chosen, seed)
    claim_training(out, force)
    with Progress(quiet) as bar:
        total = len(folds) * model.epochs
        trained = fit(
            model,
            dataset,
            protocol=chosen,
            seed=seed,
            validation=validation,
            balanced=class_weights,
            augment=ways,
            out=out,
            progress=lambda n: bar(f"training {model.name}", n, total),
        )
    scores = json.loads((out / CARD).read_text(encoding="utf-8"))["scores"]
    told = {"recognizer": trained.card(), "data": dataset.name, "card": dict(dataset.card), "scores": scores}
    if as_json:
        print_json(told)
        return
    show(told)
    say(f"\n{len(folds)} models, {protocol}; epoch selection: {trained.card()['training']['epoch_selection']}.")
    say(f"Weights: {model.name}:weights={out}; {PAGE} tells about them, {LOG} how they were trained.")
