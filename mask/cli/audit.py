"""``mask audit``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mask import naming, registry
from mask.audit import Setting, check, run
from mask.cli.console import Progress, note, print_json, say, table
from mask.contracts import Attack, Defense, Recognizer
from mask.errors import ThresholdNotMet, UsageError
from mask.folds import FoldedRecognizer
from mask.owners import surrogate_cards
from mask.plan import MOTIONS, Motion, ThreatModel
from mask.regions import load
from mask.runs import Run, command_line, environment
from mask.summary import conclusion, gather

STAND_IN = "ststnet"
"""What an attacker who owns nothing trains on the discovery clips."""


def audit(
    recognizers: Sequence[str],
    data: str,
    out: Path,
    *,
    discovery: str | None,
    surrogates: str,
    attacks: str,
    defenses: str,
    kinetics: str,
    area: float,
    number: int,
    regions: str,
    eps: int,
    budget: int | None,
    blind: bool,
    draws: int,
    retrain: str,
    require_asr: float | None,
    show_faces: bool,
    seed: int,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Build the setting from names, run it, write the folder, print the conclusion."""
    audited = tuple(registry.create("recognizers", r) for r in recognizers)
    chosen = named_attacks(attacks)
    setting = Setting(
        recognizers=audited,
        dataset=registry.create("datasets", data),
        attacks=chosen,
        threats=threat_models(
            kinetics,
            chosen,
            area=area,
            number=number,
            regions=None if regions == "all" else named_regions(regions),
            eps=eps,
            budget=budget,
            wearer_knows_emotion=not blind,
        ),
        defenses=named_defenses(defenses),
        discovery=None if discovery is None else registry.create("datasets", discovery),
        **owned(surrogates, audited),
        draws=draws,
        retrained=_among(retrain, chosen),
        seed=seed,
    )
    check(setting)
    with Progress(quiet) as bar:
        results = execute(setting, Run(out, header(setting), force), bar=bar, show_faces=show_faces)
    report = write_report(out)
    if as_json:
        print_json(results)
    else:
        show(results, report)
    if require_asr is not None:
        _require(results, require_asr)


def execute(setting: Setting, folder: Run, *, bar: Progress, show_faces: bool = False) -> dict[str, Any]:
    """Run a setting into a folder, going on where an interrupted run of the same setting stopped."""
    cells = []
    try:
        for cell in run(setting, folder.finished, bar):
            folder.keep(cell)
            cells.append(cell)
    except KeyboardInterrupt:
        note(f"\n{len(cells)} finished cells are kept in {folder.out}")
        raise
    results = gather(setting, cells, show_faces=show_faces)
    results = {"command": command_line(), "environment": environment(), **results}
    folder.finish(results, [row for cell in cells for row in cell["rows"]])
    return results


def header(setting: Setting) -> dict[str, Any]:
    """What identifies a run for resuming."""
    return {
        "recognizers": [r.card() for r in setting.recognizers],
        "data": setting.dataset.name,
        "clips": len(setting.dataset),
        "discovery": None if setting.discovery is None else setting.discovery.name,
        "attacks": {name: repr(a) for name, a in setting.attacks.items()},
        "defenses": {name: repr(d) for name, d in setting.defenses.items()},
        "threats": [asdict(t) for t in setting.threats],
        "surrogates": surrogate_cards(setting),
        "siblings": setting.siblings,
        "step": setting.step,
        "draws": setting.draws,
        "retrained": list(setting.retrained),
        "seed": setting.seed,
    }


def _among(text: str, attacks: Mapping[str, Attack]) -> tuple[str, ...]:
    """Labels of attacks, from names with commas between them."""
    labels = tuple(_split(text))
    for label in labels:
        if label not in attacks:
            raise UsageError(f"--retrain names {label!r}, which is not among the attacks: {', '.join(attacks)}")
    return labels


def named_attacks(text: str) -> dict[str, Attack]:
    """Attacks by label, from names with commas between them; see `mask.naming.attacks`."""
    return naming.attacks(_split(text))


def owned(text: str, audited: Sequence[Recognizer]) -> dict[str, Any]:
    """What the attacker owns, as `Setting` takes it.

    ``siblings`` are the other models of the recognizer under audit; any other name is a recognizer, trained on the
    discovery clips where it has no weights. ``auto`` is siblings, and `STAND_IN` as well where a recognizer has none.
    """
    specs = _split(text)
    if specs == ["auto"]:
        alone = [r for r in audited if not (isinstance(r, FoldedRecognizer) and len(r.models) > 1)]
        specs = ["siblings", STAND_IN] if alone else ["siblings"]
    named, siblings = naming.surrogates(specs)
    return {"surrogates": named, "siblings": siblings}


def named_defenses(text: str) -> dict[str, Defense | None]:
    """Defences by label, no defence first."""
    return {"none": None, **naming.defenses(_split(text))}


def named_regions(text: str) -> tuple[str, ...]:
    """Regions of the scheme ``mesh`` by name, at least one."""
    names, known = tuple(_split(text)), load("mesh").names
    unknown = [n for n in names if n not in known]
    if unknown or not names:
        what = f"there is no region {unknown[0]!r}" if unknown else "--regions names no region"
        raise UsageError(f"{what}; expected 'all' or some of {', '.join(known)}")
    return names


def threat_models(
    kinetics: str, attacks: Mapping[str, Attack], *, regions: tuple[str, ...] | None = None, **limits: Any
) -> tuple[ThreatModel, ...]:
    """One threat model per way of moving where there are stickers, and one for changed pixels where there are such.

    Args:
        kinetics: names, with commas between them.
        attacks: those that will be tried.
        regions: where stickers may be put; `None` for everywhere.
        limits: the other fields of `mask.plan.ThreatModel`.
    """
    kinds = _split(kinetics)
    unknown = [k for k in kinds if k not in MOTIONS]
    if unknown or not kinds:
        raise UsageError(f"--kinetics is {kinetics!r}; expected some of {', '.join(MOTIONS)}")
    tried: list[Motion] = [m for k in kinds for m in MOTIONS if m == k and not all(a.digital for a in attacks.values())]
    if any(a.digital for a in attacks.values()):
        tried.append("digital")
    try:
        return tuple(ThreatModel(k, regions=regions or (), **limits) for k in tried)
    except ValueError as error:
        raise UsageError(str(error)) from error


def write_report(out: Path) -> Path:
    """Build ``report.html`` in a finished run's folder."""
    import importlib

    build = importlib.import_module("mask.reports.html").build
    path = out / "report.html"
    build([out], path)
    return path


def show(results: Mapping[str, Any], report: Path) -> None:
    """Print the cells as a table, the conclusion in five lines, and where the report is."""
    rows = [_line(cell) for cell in results["cells"] if not cell["attack"].startswith("region:")]
    say(table(rows, ["recognizer", "kinetics", "defence", "attack", "ASR", "95 %", "of", "p vs random", "queries"]))
    say()
    for line in conclusion(results):
        say(line)
    say(f"Report: {report}")


def _line(cell: Mapping[str, Any]) -> list[str]:
    versus = cell.get("vs_random")
    rate = "-" if cell["asr"] is None or cell["invalid"] == cell["n"] else f"{cell['asr']:.3f}"
    interval = "[{:.3f}, {:.3f}]".format(*cell["asr_ci95"])
    p = "" if versus is None else f"{versus['p_holm']:.2g}"
    names = [cell["recognizer"], cell["kinetics"], cell["defense"], cell["attack"]]
    return [*names, rate, interval, str(cell["n_clean_correct"]), p, str(cell["queries_max"])]


def _require(results: Mapping[str, Any], least: float) -> None:
    one_shot = [c for c in results["cells"] if c["queries_max"] <= 1 and c["asr"] is not None]
    best = max(one_shot, key=lambda c: c["asr"], default=None)
    if best is None or best["asr"] < least:
        reached = "no one-shot attack ran" if best is None else f"the best one-shot attack reached {best['asr']:.3f}"
        raise ThresholdNotMet(f"an attack success rate of {least:.3f} was required; {reached}")


def _split(text: str) -> list[str]:
    """Split at commas that start a new name: a comma inside ``name:key=value,key=value`` belongs to the name."""
    parts: list[str] = []
    for piece in filter(None, (p.strip() for p in text.split(","))):
        if "=" in piece and ":" not in piece and parts and ":" in parts[-1]:
            parts[-1] += f",{piece}"
        else:
            parts.append(piece)
    return parts
