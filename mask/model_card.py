"""What a training leaves beside its weights: the log of its epochs, and a model card for programs and for people."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from mask import __version__, registry
from mask.clip import Dataset
from mask.errors import UsageError
from mask.files import write_json, write_text
from mask.learn import Epoch
from mask.runs import environment
from mask.torch_recognizer import Trainable
from mask.weights import sha256

LOG, CARD, PAGE = "log.csv", "model.json", "MODEL_CARD.md"
_MARK = "training.json"


def header(
    recognizer: Trainable,
    dataset: Dataset,
    folds: Sequence[tuple[str, ...]],
    *,
    protocol: str,
    seed: int,
    validation: float,
    balanced: bool,
    augment: Sequence[str],
) -> dict[str, Any]:
    """Everything that identifies a training; one with an equal header can be gone on with."""
    tested = {s for fold in folds for s in fold}
    selection = "none: the last epoch is the model"
    if validation:
        selection = f"best UF1 on {validation:g} of each fold's training subjects, which are not trained on"
    return {
        "schema": "mask.model/1",
        "recognizer": recognizer.name,
        "options": recognizer.options(),
        "labels": list(dataset.emotions),
        "folds": {s: f"fold-{k:03d}.safetensors" for k, fold in enumerate(folds) for s in fold},
        "training": {
            "data": dataset.name,
            "clips": len(dataset),
            "subjects": len(dataset.subjects),
            "protocol": protocol,
            "seed": seed,
            "epochs": recognizer.epochs,
            "epoch_selection": selection,
            "class_weights": "inverse to the count" if balanced else "none",
            "augment": list(augment),
            "seen": [s for s in dataset.subjects if s not in tested],
            "mask": __version__,
        },
    }


def claim(out: Path, card: dict[str, Any]) -> None:
    """Start or resume a training folder.

    Raises:
        UsageError: when it holds something else.
    """
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


def log(out: Path, fold: int, held: tuple[str, ...], epochs: Sequence[Epoch], made: int) -> None:
    """Add a fold's epochs to the log, in place of what an interrupted run left of it; whole or not at all.

    Args:
        made: how many of its training clips an augmentation made.
    """
    path = out / LOG
    names = ["fold", "held_out", "made_clips", *(f.name for f in fields(Epoch))]
    kept: list[dict[str, Any]] = []
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as stream:
            kept = [row for row in csv.DictReader(stream) if row.get("fold") != str(fold)]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(kept)
    told = {"fold": fold, "held_out": " ".join(held), "made_clips": made}
    writer.writerows({**told, **asdict(e)} for e in epochs)
    write_text(text.getvalue(), path)


def finish(out: Path, card: dict[str, Any], dataset: Dataset, scores: dict[str, Any]) -> None:
    """Write both cards, which makes the training a finished one."""
    files = sorted(set(card["folds"].values()))
    whole = {
        **card,
        "data": dict(dataset.card),
        "scores": scores,
        "environment": environment(),
        "sha256": {name: sha256(out / name) for name in files},
    }
    write_text(_page(whole), out / PAGE)
    write_json(whole, out / CARD)
    (out / _MARK).unlink(missing_ok=True)


def _page(card: dict[str, Any]) -> str:
    name, told, machine = card["recognizer"], card["training"], card["environment"]
    versions = ", ".join(f"{k} {v}" for k, v in machine["packages"].items() if v != "not installed")
    options = ", ".join(f"{k} {v}" for k, v in card["options"].items())
    return f"""# {_plain(name)}

{_plain(registry.describe("recognizers", name))}

- Answers: {_plain(", ".join(card["labels"]))}, in this order.
- Trained on {_plain(told["data"])}: {told["clips"]} clips of {told["subjects"]} subjects.
- Protocol {told["protocol"]}, {len(set(card["folds"].values()))} models; seed {told["seed"]}, the fold's number added.
- {told["epochs"]} epochs at most; epoch selection: {told["epoch_selection"]}. Class weights: {told["class_weights"]}.
- Training clips made of each fold's own training clips: {_plain("; ".join(told["augment"]) or "none")}.
- Options: {_plain(options)}.
- MASK {machine["mask"]}, Python {machine["python"]}, {machine["system"]} {machine["machine"]}; {versions}.

## Clean scores on the held-out subjects

Pooled over folds, each clip judged by a model that has not seen its subject; 95 % intervals from a bootstrap over
subjects. Majority is always answering the commonest emotion.

{_table(card["scores"])}

`{LOG}` has the loss of every epoch and how many clips were made for its fold, `{CARD}` the SHA-256 of every
weight file.

It reads the expression a face shows; it does not know what a person feels, and scores on posed, induced or synthetic
clips say little about any other situation.
"""


def _table(scores: dict[str, Any]) -> str:
    columns = ("part", "n", "UF1", "95 %", "UAR", "95 %", "accuracy", "majority UF1", "majority UAR")
    lines = [columns, ["---"] * len(columns)]
    for part, s in scores.items():
        of = s["majority"]
        numbers = [f"{s['uf1']:.4f}", _range(s["uf1_ci95"]), f"{s['uar']:.4f}", _range(s["uar_ci95"])]
        lines.append(
            [_plain(part), str(s["n"]), *numbers, f"{s['accuracy']:.4f}", f"{of['uf1']:.4f}", f"{of['uar']:.4f}"]
        )
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _range(interval: list[float] | None) -> str:
    return "not defined" if interval is None else "{:.3f} to {:.3f}".format(*interval)


def _plain(text: str) -> str:
    """Text from outside, kept from being read as Markdown or HTML."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#&" else " " if c in "\r\n" else c for c in text)
