"""The checklist: 25 questions asked of every run, in one order, each answered by pass, flag or not run.

They are those that evaluations of adversarial robustness are known to fail (Carlini et al. 2019, "On Evaluating
Adversarial Robustness"; Croce and Hein 2020, AutoAttack, its automatic flags; Pintor et al. 2022, "Indicators of Attack
Failure"; Athalye et al. 2018; Xiang et al. 2022, PatchCleanser), and those that stickers and causal claims add.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .causes import Probe
from .check import Check, Finding
from .checks_attack import (
    black_box,
    bounded,
    budget,
    convergence,
    one_step,
    silent,
    surrogates,
)
from .checks_causal import null
from .checks_controls import grey, random, worst_case
from .checks_defence import adaptive, certified, refilmed
from .checks_model import classes, dynamic, gradients, probabilities, randomised, unstable
from .checks_record import clean, intervals, manifest, queries, threat
from .model import Run

Look = Callable[[Run], Finding]

_ROWS: tuple[tuple[str, str, Look], ...] = (
    ("Are clean scores there, and are only clips attacked that were read correctly?", "Carlini", clean),
    ("Is the threat model stated?", "Carlini", threat),
    ("Does the recognizer answer the same twice?", "AutoAttack", randomised),
    ("Are its answers probabilities?", "AutoAttack", probabilities),
    ("Are there enough classes for the losses that attacks use?", "AutoAttack", classes),
    ("Do gradients reach the pixels?", "AutoAttack, Pintor", gradients),
    ("Does it compute the same whatever the input?", "AutoAttack", dynamic),
    ("Does white box beat black box, clip by clip?", "AutoAttack, Athalye, Carlini", black_box),
    ("Do many steps beat one?", "Athalye, Carlini", one_step),
    ("Does more budget never help the recognizer, and a very large one break it?", "Carlini, Athalye", budget),
    ("Have the searches converged?", "Carlini", convergence),
    ("Is the best of what a search saw what it returned?", "Pintor", silent),
    ("Are answers stable under random offsets of the pixels?", "Pintor", unstable),
    ("What fools the surrogate, does it fool the recognizer?", "Pintor", surrogates),
    ("Does an attack without bounds always succeed?", "Pintor, Athalye", bounded),
    ("Does the chosen place beat a random and a central one, at equal queries?", "Carlini", random),
    ("Does the sticker beat a plain grey one at the same place?", "stickers", grey),
    ("Is the worst case taken clip by clip?", "Carlini", worst_case),
    ("Has every rate its count and interval, and enough clips?", "statistics", intervals),
    ("Was each defence attacked by something that knows of it?", "Carlini, PatchCleanser", adaptive),
    ("Is certified robustness at most the empirical one?", "PatchCleanser", certified),
    ("Does success survive print, camera and codec?", "stickers", refilmed),
    ("Were queries counted per clip, and the budget kept?", "Carlini", queries),
)  # fmt: skip


def checks(run: Run, probes: Sequence[Probe]) -> list[Check]:
    """Every row of the checklist."""
    looks = [(question, source, look(run)) for question, source, look in _ROWS]
    looks.append(
        ("Does causal discovery keep quiet where there is nothing to find?", "causal claims", null(run, probes))
    )
    looks.append(("Can the run be repeated: command, parameters, seeds, versions, device?", "Carlini", manifest(run)))
    return [Check(i, question, source, f.outcome, f.told) for i, (question, source, f) in enumerate(looks, 1)]
