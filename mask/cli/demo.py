"""``mask demo``: the whole story on synthetic faces, offline, in a few minutes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mask import __version__, registry
from mask.audit import Setting
from mask.cli.audit import execute, named_attacks, named_defenses, show, write_report
from mask.cli.console import Progress, say
from mask.cli.probe import keep, motion
from mask.clip import Dataset
from mask.contracts import Attack, Recognizer
from mask.evaluate import evaluate
from mask.plan import ThreatModel
from mask.regions import load
from mask.runs import Run, command_line, environment
from mask.train import held_out, train

DATA = "synthetic:subjects=20,repeats=2,size=192"
RECOGNIZERS = ("ststnet:flow=farneback,size=56", "mmnet:size=64,width=0.125,rate=0.003")
SURROGATE = RECOGNIZERS[0]
"""The attacker trains a network of this kind of their own, on the clips the recognizers were trained on."""
# Short names for what is spelt out here, so that the tables stay readable; the results say what each stands for.
ATTACKS = {
    "random": "random",
    "centre": "centre",
    "grey": "grey:flow=farneback,bootstraps=40",
    "au-sticker": "au-sticker:size=96",
    "causal": "causal:flow=farneback,bootstraps=40",
    "exhaustive": "exhaustive",
}
DEFENSES = "median"
DEFENDED = ("random", "causal")
FLOW = "farneback"
AREA = 0.046
UP_OR_DOWN = ((0.0, 1.0), (0.0, -1.0))
STEP = 1 / 6
DRAWS = 1
REFILMED = ("causal",)
BOOTSTRAPS = 40


def demo(out: Path, *, seed: int, force: bool, quiet: bool) -> None:
    """Make the benchmark, train two recognizers, probe, attack, defend, report.

    Interrupted, the same command goes on where it stopped: finished folds and finished cells are kept.
    """
    everyone = registry.create("datasets", f"{DATA},seed={seed}")
    (unseen,) = held_out(everyone, "split", seed)
    strangers = everyone.only(unseen)
    audited = replace(strangers, name=f"{everyone.name}, {len(unseen)} subjects no model has seen")
    folder = Run(out, _header(everyone, seed), force)
    say(
        f"Synthetic faces: {len(everyone)} clips of {len(everyone.subjects)} subjects, {len(everyone.emotions)} "
        f"emotions; {len(everyone.subjects) - len(unseen)} subjects are trained on and studied by attacks, "
        f"{len(unseen)} are audited."
    )
    with Progress(quiet) as bar:
        recognizers = tuple(_trained(spec, everyone, audited, out, seed, bar) for spec in RECOGNIZERS)
        _probe(everyone, out, seed, bar)
        studied = everyone.only(set(everyone.subjects) - set(unseen))
        results = execute(_setting(audited, studied, recognizers, seed), folder, bar=bar)
    show(results, write_report(out))


def _header(dataset: Dataset, seed: int) -> dict[str, Any]:
    return {
        "demo": __version__,
        "data": dataset.name,
        "recognizers": RECOGNIZERS,
        "surrogate": SURROGATE,
        "attacks": ATTACKS,
        "defenses": DEFENSES,
        "step": STEP,
        "seed": seed,
    }


def _trained(spec: str, everyone: Dataset, audited: Dataset, out: Path, seed: int, bar: Progress) -> Recognizer:
    """Train on the subjects that are not audited, and say how well those who are can be read."""
    model = registry.create("recognizers", spec)
    folder = out / "models" / model.name
    if (folder / "model.json").is_file():
        trained: Recognizer = registry.create("recognizers", f"{model.name}:weights={folder}")
    else:
        told = f"training {model.name}"
        trained = train(
            model, everyone, protocol="split", seed=seed, out=folder, progress=lambda n: bar(told, n, model.epochs)
        )
    scores = evaluate(trained, audited, seed=seed, progress=lambda n: bar("scoring", n, len(audited)))["scores"]
    score = next(iter(scores.values()))
    bar.close()
    say(
        f"{spec}: UF1 {score['uf1']:.2f}, UAR {score['uar']:.2f} on {score['n']} clips "
        f"(always the commonest emotion: {score['majority']['uf1']:.2f}, {score['majority']['uar']:.2f})."
    )
    return trained


def _probe(dataset: Dataset, out: Path, seed: int, bar: Progress) -> None:
    result = motion(dataset, load("mesh"), np.random.default_rng(seed), bar, "pc", FLOW, 0.05, BOOTSTRAPS)
    keep(result, {"command": command_line(), "environment": environment(), "data": dataset.name, "seed": seed}, out)
    bar.close()
    named = [f"{f.emotion} {f.region or 'abstains'}" for f in result.by_emotion]
    say(f"Probe, which region's motion goes with which emotion: {', '.join(named)}.")


def attacks() -> dict[str, Attack]:
    """The attacks of the demo: every fixed region, and those named above."""
    named = {name: registry.create("attacks", spec) for name, spec in ATTACKS.items()}
    return {**named_attacks("region"), **named}


def _setting(dataset: Dataset, studied: Dataset, recognizers: tuple[Recognizer, ...], seed: int) -> Setting:
    return Setting(
        recognizers=recognizers,
        dataset=dataset,
        discovery=studied,
        surrogates=(registry.create("recognizers", SURROGATE),),
        attacks=attacks(),
        threats=(ThreatModel("skin", area=AREA), ThreatModel("overlay", area=AREA, directions=UP_OR_DOWN)),
        defenses=named_defenses(DEFENSES),
        defended=DEFENDED,
        draws=DRAWS,
        refilmed=REFILMED,
        step=STEP,
        seed=seed,
    )
