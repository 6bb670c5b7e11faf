"""What a sticker's place rests on when somebody just wants to be protected: an audit's causal evidence.

The evidence shipped with this package comes from the synthetic benchmark (see ``evidence.json`` beside this file and
the script that builds it). It is evidence about the method, not about people.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mask.errors import InvalidPlan, UnreadableData, UsageError
from mask.plan import Placement, Site, ThreatModel
from mask.regions import load, region_sites

SHIPPED = Path(__file__).with_name("evidence.json")
SCHEMA = "mask.evidence/1"


@dataclass(frozen=True)
class Choice:
    """Where to put a sticker, and why.

    Args:
        placement: on the average face.
        why: one sentence.
        source: what data and recognizers it rests on.
        figures: the effect behind it, with its interval, where there is one.
        provenance: what the evidence says of its own making, and the SHA-256 of the file it was read from.
    """

    placement: Placement
    why: str
    source: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)


def choose(area: float, *, region: str = "", hide: str = "", folder: Path | None = None) -> Choice:
    """Choose a place on the skin.

    Args:
        area: share of the face box.
        region: a region by name; no evidence is then asked for.
        hide: the emotion to hide, if known; otherwise the place that is best over all emotions.
        folder: a finished audit; the shipped evidence otherwise.

    Raises:
        UsageError: for an unknown region or emotion, or one that cannot carry the sticker.
        UnreadableData: when the folder holds no causal evidence for a sticker on the skin.
    """
    carriers = _carriers(area)
    if region:
        site = carriers.get(region)
        if site is None:
            able = ", ".join(name for name, s in carriers.items() if s is not None)
            reason = f"cannot carry a sticker of {area:g} of the face" if region in carriers else "does not exist"
            raise UsageError(f"region {region!r} {reason}; these can: {able}")
        return Choice(Placement(site.x, site.y, area, region=region), f"{region} was asked for", "none")
    found = _read(folder)
    ranking = _ranking(found, hide)
    for name, figures in ranking:
        site = carriers.get(name)
        if site is not None:
            what = f"hides {hide}" if hide else "hides emotions on average"
            why = f"{name} is the region where a sticker {what} most, of those that can carry one of this size"
            about = {k: v for k, v in found.items() if k not in ("schema", "effects", "source")}
            return Choice(Placement(site.x, site.y, area, region=name), why, str(found["source"]), figures, about)
    raise UsageError(f"no region the evidence is about can carry a sticker of {area:g} of the face; name a --region")


def _carriers(area: float) -> dict[str, Site | None]:
    """Where each region carries a sticker of this size, if it does; `UsageError` when none does."""
    try:
        found = region_sites(load("mesh"), ThreatModel("skin", area=area), "frames")
    except InvalidPlan as error:
        raise UsageError(str(error)) from error
    if not any(found.values()):
        raise UsageError(f"a sticker of {area:g} of the face is too small to cover the middle of any region")
    return found


def _ranking(found: Mapping[str, Any], hide: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Regions by measured effect, largest first."""
    effects: Mapping[str, Mapping[str, Any]] = found["effects"]
    if hide and hide not in effects:
        raise UsageError(f"there is no evidence about {hide!r}; there is about {', '.join(effects)}")
    chosen = [effects[hide]] if hide else list(effects.values())
    regions = {r for e in chosen for r in e["by_region"]}
    mean = {r: sum(float(e["by_region"].get(r, 0.0)) for e in chosen) / len(chosen) for r in regions}
    order = sorted(mean, key=lambda r: (-mean[r], r))
    clips = sum(int(e["clips"]) for e in chosen)
    return [(r, {"average_effect_log_odds": round(mean[r], 4), "discovery_clips": clips}) for r in order]


def _read(folder: Path | None) -> Mapping[str, Any]:
    if folder is None:
        return {**_checked(_json(SHIPPED), SHIPPED), **_origin(SHIPPED)}
    # Reading results needs torch and scipy, which protecting a video by the shipped evidence does not.
    from mask.results import base_name, read_results

    place = folder / "results.json"
    results = read_results(place)
    entries = [
        e
        for e in results.get("evidence", ())
        if base_name(str(e.get("attack", ""))) == "causal" and e.get("kinetics") == "skin" and e["data"].get("effects")
    ]
    if not entries:
        raise UnreadableData(
            f"{folder} holds no causal evidence for a sticker on the skin; "
            "run the audit with --attacks causal --kinetics skin"
        )
    source = f"{results['data']['name']}, {', '.join(e['recognizer'] for e in entries[:3])}"
    return {**_checked(merge(entries, source), folder), **_origin(place)}


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableData(f"the evidence {path} cannot be read ({error}); reinstall MASK") from error


def _origin(path: Path) -> dict[str, str]:
    return {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def merge(entries: list[Mapping[str, Any]], source: str) -> dict[str, Any]:
    """Average the measured effects of several causal evidence entries of ``results.json``, clips weighing the same."""
    effects: dict[str, dict[str, Any]] = {}
    for entry in entries:
        for emotion, told in entry["data"]["effects"].items():
            mine = effects.setdefault(emotion, {"clips": 0, "by_region": {}})
            before, here = mine["clips"], int(told["clips"])
            for region, effect in told["by_region"].items():
                old = mine["by_region"].get(region, 0.0)
                mine["by_region"][region] = (old * before + float(effect) * here) / (before + here)
            mine["clips"] = before + here
    return {"schema": SCHEMA, "source": source, "effects": effects}


def _checked(found: Mapping[str, Any], place: Path) -> Mapping[str, Any]:
    if not isinstance(found, Mapping) or found.get("schema") != SCHEMA or not found.get("effects"):
        raise UnreadableData(f"{place} holds no evidence of schema {SCHEMA}")
    return found
