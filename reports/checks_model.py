"""Rows of the checklist about the recognizer, as far as the audit measured it."""

from __future__ import annotations

from collections.abc import Callable

from . import words
from .check import Finding, flagged, not_run, passed
from .model import Facts, Run

FEW_CLASSES = 4
_MARGINS = ("dlr", "apgdt", "autoattack", "fab")
"""Attacks whose targeted losses need four classes, as they are named."""


def randomised(run: Run) -> Finding:
    """Row 3: a randomised recognizer needs attacks that average over its randomness."""
    return _measured(
        run,
        lambda f: f.deterministic,
        "equal inputs gave equal answers twice",
        "answers differ from call to call; attacks have to average over them",
    )


def probabilities(run: Run) -> Finding:
    """Row 4."""
    return _measured(run, lambda f: True, "rows of numbers in [0, 1] that sum to 1", "")


def classes(run: Run) -> Finding:
    """Row 5."""
    named = [a for a, stands in run.attacks.items() if any(m in f"{a} {stands}".lower() for m in _MARGINS)]
    if len(run.emotions) < FEW_CLASSES and named:
        return flagged(
            f"{len(run.emotions)} classes, and {words.listed(named)} may use a loss that needs {FEW_CLASSES}"
        )
    which = "no attack uses a loss that needs more" if len(run.emotions) < FEW_CLASSES else "enough for every loss"
    return passed(f"{len(run.emotions)} classes; {which}")


def gradients(run: Run) -> Finding:
    """Row 6: without gradients only black-box attacks mean anything."""
    white = [c for c in run.cells if c.access == "gradient"]
    if not run.facts:
        return not_run("the run does not say whether gradients reach the pixels")
    without = [f.recognizer for f in run.facts if f.differentiable is False]
    used = [c for c in white if c.recognizer in without]
    if used:
        return flagged(
            f"none reach those of {words.listed(without)}, and {used[0].attack} goes by them; read the black-box "
            "attacks"
        )
    if without:
        return passed(f"none reach those of {words.listed(without)}, and no attack goes by them")
    return _measured(run, lambda f: f.differentiable, "finite and not zero", "no gradient reaches the pixels")


def dynamic(run: Run) -> Finding:
    """Row 7."""
    return not_run("nothing watched what the recognizer computes")


def unstable(run: Run) -> Finding:
    """Row 13."""
    return not_run("no random offsets were tried")


def _measured(run: Run, good: Callable[[Facts], bool | None], yes: str, no: str) -> Finding:
    """What the audit measured on the recognizers, as one answer."""
    if not run.facts:
        return not_run("the run does not say; the audit that made it did not measure it")
    broken = [f"{f.recognizer}: {f.error}" for f in run.facts if f.error]
    poor = [f.recognizer for f in run.facts if not f.error and not good(f)]
    if broken or poor:
        return flagged("; ".join([*broken, *([f"{words.listed(poor)}: {no}"] if poor else [])]))
    return passed(f"measured on {words.listed([f.recognizer for f in run.facts])}: {yes}")
