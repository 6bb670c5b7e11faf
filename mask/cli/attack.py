"""``mask attack``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mask import registry
from mask.apply import apply
from mask.audit import Setting, check, run
from mask.cli.audit import named_attacks, named_regions, owned, threat_models
from mask.cli.console import Progress, print_json, say
from mask.contracts import Proposal
from mask.errors import UsageError
from mask.export import Exporter
from mask.files import write_json
from mask.plan import Plan
from mask.runs import claim_folder, command_line, environment

SCHEMA = "mask.plans/1"


def attack(
    recognizer: str,
    data: str,
    out: Path,
    *,
    attack: str,
    discovery: str | None,
    surrogates: str,
    kinetics: str,
    area: float,
    number: int,
    regions: str,
    eps: int,
    budget: int | None,
    blind: bool,
    seed: int,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Plan for every clip, carry the plans out, count, and write plans and clips."""
    model, chosen = registry.create("recognizers", recognizer), named_attacks(attack)
    threats = threat_models(
        kinetics,
        chosen,
        area=area,
        number=number,
        regions=None if regions == "all" else named_regions(regions),
        eps=eps,
        budget=budget,
        wearer_knows_emotion=not blind,
    )
    if len(chosen) != 1 or len(threats) != 1:
        raise UsageError(
            f"'mask attack' writes the clips of one attack that move in one way; {len(chosen)} attacks and "
            f"{len(threats)} kinetics were named. 'mask audit' compares several"
        )
    setting = Setting(
        recognizers=(model,),
        dataset=registry.create("datasets", data),
        attacks=chosen,
        threats=threats,
        discovery=None if discovery is None else registry.create("datasets", discovery),
        **owned(surrogates, (model,)),
        seed=seed,
    )
    check(setting)
    if force:
        _forget(out)
    claim_folder(out, force)
    found: dict[str, Proposal] = {}
    with Progress(quiet) as bar:
        (cell,) = run(setting, tick=bar, watch=lambda clip, plan: found.update({clip.key: plan}))
        total = len(found)
        clips, spec = _write(setting, found, out, lambda: bar("writing clips", 1, total))
    rows = {r.clip: r for r in cell["rows"]}
    told = [{**_told(rows[key]), "file": file, "plan": _plain(found[key])} for key, file in clips.items()]
    lost = [_told(row) for key, row in rows.items() if key not in clips]
    results = {
        "schema": SCHEMA,
        "command": command_line(),
        "environment": environment(),
        "recognizer": model.card(),
        "data": setting.dataset.name,
        "attack": repr(next(iter(chosen.values()))),
        "threat_model": threats[0].to_json(),
        "seed": seed,
        **{k: cell["cell"][k] for k in ("n", "n_clean_correct", "n_success", "asr", "asr_ci95", "queries_max")},
        "clips": told,
        "without_a_plan": lost,
    }
    write_json(results, out / "plans.json")
    if as_json:
        print_json(results)
        return
    of = cell["cell"]["n_clean_correct"]
    say(f"{len(told)} clips and {out / 'plans.json'}; read the clips with --data {spec}")
    say(f"{model.name} misreads {cell['cell']['n_success']} of the {of} it had read correctly.")
    if lost:
        say(f"{len(lost)} clips got no plan that the threat model allows; plans.json lists them.")


def _forget(out: Path) -> None:
    """Remove the clips of an earlier run, which would be read with the new ones."""
    try:
        listed = json.loads((out / "plans.json").read_text(encoding="utf-8"))["clips"]
        files = [(out / c["file"]).resolve() for c in listed if isinstance(c, dict)]
    except (OSError, ValueError, KeyError, TypeError):
        return
    for path in files:
        if path.is_relative_to(out.resolve()) and path.suffix in (".mkv", ".png"):
            path.unlink(missing_ok=True)


def _write(
    setting: Setting, found: dict[str, Proposal], out: Path, tick: Callable[[], None]
) -> tuple[dict[str, str], str]:
    """Carry the plans out; the file of each clip, and how to read them all."""
    exporter = Exporter(out, setting.dataset.emotions)
    files = {}
    for clip in setting.dataset:
        if clip.key in found:
            files[clip.key] = exporter.add(apply(clip, found[clip.key]))
            tick()
    return files, exporter.finish()


def _told(row: Any) -> dict[str, Any]:
    told = ("clip", "subject", "emotion", "clean_prediction", "attacked_prediction", "status", "success", "queries")
    return {k: getattr(row, k) for k in told} | ({"why": row.evidence} if row.status == "invalid" else {})


def _plain(plan: Proposal) -> dict[str, Any]:
    """A plan as data; changed pixels are in the clip itself."""
    return plan.to_json() if isinstance(plan, Plan) else {"pixels": "changed", "evidence": plan.evidence}
