"""``mask data synth`` and ``mask data check``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from mask import registry
from mask.cli.console import Progress, print_json, say, table
from mask.errors import UsageError


def synth(out: Path, data: str, *, force: bool, quiet: bool) -> None:
    """Write the synthetic benchmark as lossless video files with an annotation table."""
    from mask.data.synthetic import write

    spec = registry.Spec.parse(data)
    if spec.name != "synthetic":
        raise UsageError(f"--data is {data!r}; 'mask data synth' writes synthetic:subjects=...,emotions=...,seed=...")
    dataset = registry.create("datasets", data)
    total = len(dataset.clips) + len(dataset.neutral)
    with Progress(quiet) as bar:
        write(dataset, out, force=force, progress=lambda n: bar("writing clips", n, total))
    say(
        f"{len(dataset.clips)} clips and {len(dataset.neutral)} neutral ones in {out}; "
        f"read them with --data folder:{out}"
    )


def check(spec: str, *, as_json: bool) -> None:
    """Say what a dataset holds, what was skipped and why."""
    dataset = registry.create("datasets", spec)
    counts = Counter((c.subject, c.emotion) for c in dataset)
    if as_json:
        by = Counter(str(c.emotion) for c in dataset)
        told = {"clips": len(dataset), "neutral": len(dataset.neutral), "subjects": len(dataset.subjects)}
        print_json({"name": dataset.name, **told, "by_emotion": by, "card": dict(dataset.card)})
        return
    say(f"{dataset.name}: {len(dataset)} clips of {len(dataset.subjects)} subjects, {len(dataset.neutral)} neutral")
    rows = [[s, *(str(counts[s, e]) for e in dataset.emotions)] for s in dataset.subjects]
    total = ["all", *(str(sum(counts[s, e] for s in dataset.subjects)) for e in dataset.emotions)]
    say(table([*rows, total], ["subject", *dataset.emotions]))
    skipped = list(dataset.card.get("skipped", ()))
    say(f"{len(skipped)} skipped" + (":" if skipped else ""))
    for line in skipped[:20]:
        say(f"  {line}")
    if len(skipped) > 20:
        say(f"  and {len(skipped) - 20} more; --json lists them all")
