"""What a run leaves behind: one row per clip and cell, one summary per cell, and how to read them back.

Everything a report says is computed from these two files and nothing else.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from mask import metrics
from mask.errors import UnreadableData
from mask.files import write_json

SCHEMA = "mask.results/1"


@dataclass(frozen=True)
class Row:
    """One clip in one cell.

    Args:
        status: of the attacked prediction, or ``invalid`` when the attack's plan was outside its threat model.
        success: the clip was correct clean and is answered, wrongly, attacked.
        queries: distinct looks at the target on this clip, the final one included.
        first_success: the number of the first of them that was answered wrongly; `None` when none was, and for a clip
            that was wrong clean. Not known, and `None`, in results written before there was such a column.
        region, x, y, size, angle, direction: the plan; size is the share of the face box, direction that of its motion.
        evidence: what chose the plan, in the attack's words.
        more: the plan's other stickers, each as ``x y size angle``, with semicolons between them.
        refilmed: for a success on frames, in how many fresh draws of physics and codec the clip without stickers was
            read correctly; `None` where it was not filmed again.
        refilmed_wrong: in how many of these it is answered wrongly with them.
        retrained_prediction: with the stickers on, of the same network trained on other people's stickered clips;
            empty where there is none. See `mask.retrain`.
    """

    recognizer: str
    defense: str
    attack: str
    kinetics: str
    clip: str
    subject: str
    emotion: str
    clean_prediction: str
    attacked_prediction: str
    status: str
    success: bool
    queries: int
    first_success: int | None = None
    region: str = ""
    x: float = math.nan
    y: float = math.nan
    size: float = math.nan
    angle: float = math.nan
    direction: str = ""
    art: str = ""
    abstained: bool = False
    evidence: str = ""
    more: str = ""
    refilmed: int | None = None
    refilmed_wrong: int | None = None
    retrained_prediction: str = ""

    @property
    def clean_correct(self) -> bool:
        """Whether the recognizer was right before the sticker."""
        return self.clean_prediction == self.emotion


COLUMNS = tuple(f.name for f in fields(Row))

LATER = ("first_success", "more", "refilmed", "refilmed_wrong", "retrained_prediction")
"""Columns that older results do not have."""

BUDGETS = (1, 10, 100, 1000)
"""The numbers of queries at which success is told."""


def summarise(
    rows: Sequence[Row], emotions: Sequence[str], *, seed: int = 0, budget: int | None = None
) -> dict[str, Any]:
    """The figures of one cell, from its rows.

    The attack success rate (ASR) counts clips that were correct clean and are answered wrongly attacked, over the clips
    that were correct clean. `error_rate` is what the literature often calls ASR: wrong or unanswered over all clips.

    Args:
        rows: one per clip.
        emotions: the label set.
        seed: of the bootstrap over subjects.
        budget: the queries a clip could use; `None` for the most that one did.
    """
    correct = [r for r in rows if r.clean_correct]
    hits = sum(r.success for r in correct)
    flags = np.array([[r.success, 1] for r in correct], dtype=float).reshape(-1, 2)
    by_subject = metrics.bootstrap(
        metrics.per_subject([r.subject for r in correct], flags),
        lambda sums: sums[:, 0] / sums[:, 1],
        rng=np.random.default_rng(seed),
    )
    true = [r.emotion for r in rows]
    clean = metrics.scores(*metrics.confusion(true, [r.clean_prediction for r in rows], emotions))
    matrix, none = metrics.confusion(true, [r.attacked_prediction for r in rows], emotions)
    return {
        "n": len(rows),
        "n_clean_correct": len(correct),
        "n_success": hits,
        "asr": hits / len(correct) if correct else None,
        "asr_ci95": list(metrics.wilson(hits, len(correct))),
        "asr_ci95_subjects": None if math.isnan(by_subject[0]) else list(by_subject),
        "error_rate": sum(r.attacked_prediction != r.emotion for r in rows) / len(rows) if rows else None,
        "clean": asdict(clean),
        "attacked": {**asdict(metrics.scores(matrix, none)), "leakage_bits": metrics.leakage_bits(matrix)},
        "by_emotion": {e: _part([r for r in correct if r.emotion == e]) for e in emotions},
        "by_region": {k: _part([r for r in correct if r.region == k]) for k in sorted({r.region for r in rows})},
        "unanswered": sum(r.status not in ("ok", "invalid") for r in rows),
        "invalid": sum(r.status == "invalid" for r in rows),
        "abstained": sum(r.abstained for r in rows),
        "queries_mean": float(np.mean([r.queries for r in rows])) if rows else 0.0,
        "queries_max": max((r.queries for r in rows), default=0),
        "refilmed": refilmed(correct, seed=seed),
        "retrained": retrained(rows, emotions),
        "anytime": anytime(correct, max((r.queries for r in rows), default=0) if budget is None else budget),
    }


def retrained(rows: Sequence[Row], emotions: Sequence[str]) -> dict[str, Any] | None:
    """What a recognizer trained on stickered clips reads in them; `None` where none was trained."""
    told = [r for r in rows if r.retrained_prediction]
    if not told:
        return None
    matrix, none = metrics.confusion([r.emotion for r in told], [r.retrained_prediction for r in told], emotions)
    scores = metrics.scores(matrix, none)
    return {"n": len(told), **asdict(scores), "leakage_bits": metrics.leakage_bits(matrix)}


def refilmed(rows: Sequence[Row], *, seed: int = 0) -> dict[str, Any] | None:
    """What is left of the successes when clips are filmed again with their stickers.

    Each success counts by the share of fresh draws under which it is one; draws under which the clip without stickers
    is misread are left out. A clip that was no success is not filmed again, so that `asr` is, if anything, too low.

    Args:
        rows: of clips that were correct clean.
        seed: of the bootstrap over subjects.

    Returns:
        `None` where nothing was filmed again.
    """
    seen = [r for r in rows if r.refilmed is not None]
    if not seen:
        return None
    share = np.array([(r.refilmed_wrong or 0) / r.refilmed if r.refilmed else 0.0 for r in rows])
    totals = metrics.per_subject([r.subject for r in rows], np.column_stack([share, np.ones(len(rows))]))
    interval = metrics.bootstrap(totals, lambda sums: sums[:, 0] / sums[:, 1], rng=np.random.default_rng(seed))
    return {
        "plans": len(seen),
        "draws": sum(r.refilmed or 0 for r in seen),
        "wrong": sum(r.refilmed_wrong or 0 for r in seen),
        "asr": float(share.mean()),
        "asr_ci95_subjects": None if math.isnan(interval[0]) else list(interval),
    }


def anytime(rows: Sequence[Row], budget: int) -> list[dict[str, Any]]:
    """Success against queries: at each of `BUDGETS` up to `budget`, the clips answered wrongly by then.

    Args:
        rows: of clips that were correct clean.
        budget: the queries a clip could use.
    """
    told = []
    for queries in (b for b in BUDGETS if b <= budget):
        hits = sum(r.first_success is not None and r.first_success <= queries for r in rows)
        rate = hits / len(rows) if rows else None
        interval = list(metrics.wilson(hits, len(rows)))
        told.append({"queries": queries, "n": len(rows), "n_success": hits, "asr": rate, "asr_ci95": interval})
    return told


def _part(rows: Sequence[Row]) -> dict[str, Any]:
    hits = sum(r.success for r in rows)
    rate = hits / len(rows) if rows else None
    return {"n": len(rows), "n_success": hits, "asr": rate, "asr_ci95": list(metrics.wilson(hits, len(rows)))}


def base_name(attack: str) -> str:
    """The name of an attack without its parameters.

    >>> base_name("causal:flow=dis")
    'causal'
    """
    return attack.split(":")[0]


def compare(rows_of: Mapping[str, Sequence[Row]], baseline: str = "random") -> dict[str, dict[str, float]]:
    """Paired exact McNemar tests of each attack against the baseline, adjusted by Holm over the attacks compared.

    Args:
        rows_of: attack to rows, all of one recognizer, defence and kinetics.
        baseline: compared with, by its name without parameters.

    Returns:
        For each attack but the baseline: the difference in ASR on the clips both tried, p and p_holm.
    """
    baseline = next((a for a in rows_of if base_name(a) == baseline), "")
    if not baseline:
        return {}
    base = {r.clip: r for r in rows_of[baseline] if r.clean_correct}
    found: dict[str, dict[str, float]] = {}
    for attack, rows in rows_of.items():
        paired = [(r.success, base[r.clip].success) for r in rows if r.clip in base]
        if attack == baseline or not paired:
            continue
        ours, theirs = (np.array(column) for column in zip(*paired, strict=True))
        found[attack] = {
            "n": len(paired),
            "difference": float(ours.mean() - theirs.mean()),
            "p": metrics.mcnemar(ours, theirs),
        }
    for attack, p in zip(found, metrics.holm([f["p"] for f in found.values()]), strict=True):
        found[attack]["p_holm"] = p
    return found


def write_rows(rows: Iterable[Row], path: Path) -> None:
    """Write ``clips.csv``, whole or not at all."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows({k: _cell(v) for k, v in asdict(row).items()} for row in rows)
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text.getvalue(), encoding="utf-8", newline="")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def read_rows(path: Path) -> list[Row]:
    """Read ``clips.csv`` back.

    Raises:
        UnreadableData: when it is not one.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            given = tuple(reader.fieldnames or ())
            if given != tuple(c for c in COLUMNS if c in given or c not in LATER):
                raise UnreadableData(f"{path} does not have the columns of clips.csv ({', '.join(COLUMNS[:5])}, ...)")
            return [row_from(record) for record in reader]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, ValueError, TypeError) as error:
        raise UnreadableData(f"{path} is not a readable clips.csv ({error})") from error


def row_from(record: Mapping[str, Any]) -> Row:
    """A row from text or plain values, keyed by column."""
    values: dict[str, Any] = {}
    for f in fields(Row):
        raw: Any = record.get(f.name) if f.name in LATER else record[f.name]
        if f.type == "bool":
            values[f.name] = raw if isinstance(raw, bool) else raw == "True"
        elif f.type == "int":
            values[f.name] = int(raw)
        elif f.type == "int | None":
            values[f.name] = None if raw in ("", None) else int(raw)
        elif f.type == "float":
            values[f.name] = math.nan if raw in ("", None) else float(raw)
        else:
            values[f.name] = "" if raw is None else str(raw)
    return Row(**values)


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(round(value, 6))
    return value


def write_results(results: Mapping[str, Any], path: Path) -> None:
    """Write ``results.json``, whole or not at all; a number that is not finite becomes null."""
    write_json(_plain(results), path)


def read_results(path: Path) -> dict[str, Any]:
    """Read ``results.json``.

    Raises:
        UnreadableData: when it is missing, damaged, or of another schema.
    """
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableData(f"{path} is not a readable results.json ({error})") from error
    given = found.get("schema") if isinstance(found, dict) else None
    if given != SCHEMA:
        raise UnreadableData(f"{path} {_foreign(given)}")
    return found


def _foreign(schema: object) -> str:
    """Why a schema is not read, and what to do."""
    name, _, version = SCHEMA.partition("/")
    given = str(schema).removeprefix(f"{name}/")
    if given == str(schema) or not given.isdecimal():
        return f"is not of schema {SCHEMA}; it was not written by mask audit"
    if int(given) > int(version):
        return f"is of schema {schema}, which is newer than {SCHEMA}; update MASK to read it"
    return f"is of schema {schema}, which is older than {SCHEMA}; run the audit again"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
