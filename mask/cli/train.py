"""``mask train``."""

from __future__ import annotations

from pathlib import Path

from mask import registry
from mask.cli.console import Progress, print_json, say
from mask.cli.evaluate import show
from mask.errors import UsageError
from mask.evaluate import evaluate as score
from mask.runs import claim_training
from mask.torch_recognizer import Trainable
from mask.train import PROTOCOLS, held_out
from mask.train import train as fit


def train(
    recognizer: str, data: str, out: Path, *, protocol: str, seed: int, force: bool, as_json: bool, quiet: bool
) -> None:
    """Train subject-independently, save the weights, score on the held-out subjects."""
    chosen = next((p for p in PROTOCOLS if p == protocol), None)
    if chosen is None:
        raise UsageError(f"--protocol is {protocol!r}; expected one of {', '.join(PROTOCOLS)}")
    model = registry.create("recognizers", recognizer)
    if not isinstance(model, Trainable):
        raise UsageError(f"{recognizer!r} is trained already; name it without weights to train it anew")
    dataset = registry.create("datasets", data)
    claim_training(out, force)
    folds = held_out(dataset, chosen, seed)
    with Progress(quiet) as bar:
        total = len(folds) * model.epochs
        trained = fit(
            model,
            dataset,
            protocol=chosen,
            seed=seed,
            out=out,
            progress=lambda n: bar(f"training {model.name}", n, total),
        )
        judged = dataset.only({s for fold in folds for s in fold})
        told = score(trained, judged, seed=seed, progress=lambda n: bar("scoring", n, len(judged)))
    if as_json:
        print_json(told)
        return
    show(told)
    say(f"\n{len(folds)} models, {protocol}; the last epoch is the model, no epoch was chosen on a test fold.")
    say(f"Weights: {model.name}:weights={out}")
