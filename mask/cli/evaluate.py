"""``mask evaluate``."""

from __future__ import annotations

from typing import Any

from mask import registry
from mask.cli.console import Progress, print_json, say, table
from mask.evaluate import evaluate as score


def evaluate(recognizer: str, data: str, *, seed: int, as_json: bool, quiet: bool) -> None:
    """Score one recognizer on one dataset and print it."""
    model = registry.create("recognizers", recognizer)
    dataset = registry.create("datasets", data)
    with Progress(quiet) as bar:
        told = score(
            model, dataset, seed=seed, progress=lambda n: bar(f"{model.name} on {dataset.name}", n, len(dataset))
        )
    if as_json:
        print_json(told)
    else:
        show(told)


def show(told: dict[str, Any]) -> None:
    """Print scores as tables."""
    rows = []
    for part, s in told["scores"].items():
        named = [s[k] for k in ("uf1", "uar", "accuracy")]
        ranges = ["" if s[f"{k}_ci95"] is None else "[{:.3f}, {:.3f}]".format(*s[f"{k}_ci95"]) for k in ("uf1", "uar")]
        base = s["majority"]
        rows.append(
            [
                *(part, str(s["n"]), f"{named[0]:.4f}", ranges[0], f"{named[1]:.4f}", ranges[1], f"{named[2]:.4f}"),
                *(f"{base['uf1']:.4f}", f"{base['accuracy']:.4f}"),
            ]
        )
    header = ["part", "n", "UF1", "95 %", "UAR", "95 %", "accuracy", "majority UF1", "majority accuracy"]
    say(f"{told['recognizer']['name']} on {told['data']}")
    say(table(rows, header))
    for part, s in told["scores"].items():
        say(
            f"\n{part}: rows true, columns predicted"
            + (f", {sum(s['unanswered'])} unanswered" if any(s["unanswered"]) else "")
        )
        body = [[e, *map(str, line)] for e, line in zip(s["emotions"], s["confusion"], strict=True)]
        say(table(body, ["", *s["emotions"]]))
