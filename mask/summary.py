"""From finished cells to ``results.json``: clean scores, comparisons, maps of places, examples, and five lines."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mask.apply import apply
from mask.audit import Setting
from mask.clip import Clip
from mask.conformance import check_recognizer
from mask.contracts import Recognizer
from mask.errors import MaskError
from mask.evaluate import score
from mask.faces import aligned_pair
from mask.flow import flow_map
from mask.owners import surrogate_cards
from mask.plan import Placement, Plan, ThreatModel
from mask.results import Row, base_name, compare
from mask.torch_recognizer import Trainable

NOT_TRIED = (
    "printed stickers on real skin, photographed: not run",
    "people looking at the sticker: not run; a sticker is visible",
    "recognizers other than those named: not run",
)


def gather(setting: Setting, cells: Sequence[Mapping[str, Any]], *, show_faces: bool) -> dict[str, Any]:
    """Everything ``results.json`` holds about a setting, from its cells."""
    rows_of = {_names(c): c["rows"] for c in cells}
    return {
        **about(setting),
        "facts": [measured(r, setting.dataset.clips[:3]) for r in setting.recognizers],
        **counted(cells, setting.dataset.emotions, setting.seed),
        "examples": examples(setting, rows_of, show_faces),
    }


def measured(recognizer: Recognizer, clips: Sequence[Clip]) -> dict[str, Any]:
    """What a recognizer turns out to be on a few clips, or the sentence that says how it breaks its contract."""
    try:
        told: dict[str, Any] = asdict(check_recognizer(recognizer, clips))
    except MaskError as error:
        told = {"error": str(error)}
    return {"recognizer": recognizer.name, **told}


def about(setting: Setting) -> dict[str, Any]:
    """The part of ``results.json`` that is known before anything has been run."""
    return {
        "data": _data(setting),
        "subjects": len(setting.dataset.subjects),
        "emotions": list(setting.dataset.emotions),
        "discovery": _discovery(setting),
        "recognizers": [r.card() for r in setting.recognizers],
        "threat_models": [t.to_json() for t in setting.threats],
        "attacks": {name: repr(attack) for name, attack in setting.attacks.items()},
        "access": {name: attack.access for name, attack in setting.attacks.items()},
        "surrogates": surrogate_cards(setting),
        "siblings": setting.siblings,
        "defenses": {name: repr(defense) for name, defense in setting.defenses.items() if defense is not None},
        "scheme": setting.scheme,
        "step": setting.step,
        "retrained": list(setting.retrained),
        "seed": setting.seed,
        "not_tried": [*NOT_TRIED, *([] if setting.retrained else ["recognizers retrained on stickers: not run"])],
    }


def counted(cells: Sequence[Mapping[str, Any]], emotions: Sequence[str], seed: int) -> dict[str, Any]:
    """The part of ``results.json`` that follows from cells alone; no clip is looked at."""
    summaries = [dict(c["cell"]) for c in cells]
    rows_of = {_names(c): c["rows"] for c in cells}
    families: dict[tuple[str, ...], dict[str, Sequence[Row]]] = {}
    for names, rows in rows_of.items():
        families.setdefault(names[:3], {})[names[3]] = rows
    versus = {group: compare(family) for group, family in families.items()}
    for summary, names in zip(summaries, rows_of, strict=True):
        summary["vs_random"] = versus[names[:3]].get(names[3])
    return {
        "clean": _clean(rows_of, emotions, seed),
        "cells": summaries,
        "evidence": [
            {**{k: c["cell"][k] for k in ("recognizer", "attack", "kinetics")}, **e}
            for c in cells
            for e in c["evidence"]
        ],
        "maps": [
            {**{k: c["cell"][k] for k in ("recognizer", "defense", "attack", "kinetics")}, **c["map"]}
            for c in cells
            if c.get("map")
        ],
    }


def _names(cell: Mapping[str, Any]) -> tuple[str, ...]:
    told = cell["cell"]
    return told["recognizer"], told["defense"], told["kinetics"], told["attack"]


def _data(setting: Setting) -> dict[str, Any]:
    clips = setting.dataset.clips
    return {
        "name": setting.dataset.name,
        "card": dict(setting.dataset.card),
        "n": len(clips),
        "synthetic": all(c.synthetic for c in clips),
        "space": clips[0].space if clips else None,
    }


def _discovery(setting: Setting) -> str:
    where = "subjects split in two; each half attacked with what was learnt on the other"
    if setting.discovery is not None:
        where = f"{setting.discovery.name}, subjects disjoint from the attacked ones"
    owned = ["models of the same study that judge discovery subjects, where there are any"] if setting.siblings else []
    owned += [
        f"{r.name} trained on the discovery clips" if isinstance(r, Trainable) else r.name for r in setting.surrogates
    ]
    return f"{where}; the attacker owns {' and '.join(owned) or 'no recognizer'}"


def _clean(
    rows_of: Mapping[tuple[str, ...], Sequence[Row]], emotions: Sequence[str], seed: int
) -> list[dict[str, Any]]:
    """Clean scores of every recognizer and defence, recovered from the rows of any one attack."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for (recognizer, defense, _, _), rows in rows_of.items():
        if (recognizer, defense) not in found:
            told = score(rows, [r.clean_prediction or None for r in rows], emotions, seed)
            found[recognizer, defense] = {"recognizer": recognizer, "defense": defense, **told}
    return list(found.values())


def examples(
    setting: Setting, rows_of: Mapping[tuple[str, ...], Sequence[Row]], show_faces: bool, most: int = 4
) -> list[dict[str, Any]]:
    """A few successes, one per kinetics and emotion, before and after, as small PNG pictures.

    They are the causal attack's; where it has none, those of the exhaustive one stand in, under its name. Flow maps
    are always shown. Frames are shown for faces that belong to nobody, and for others when asked.
    """
    clips = {c.key: c for c in setting.dataset}
    threat_of: dict[str, ThreatModel] = {t.kinetics: t for t in setting.threats}
    found: list[dict[str, Any]] = []
    taken: set[tuple[str, str, str]] = set()
    order = {"causal": 0, "exhaustive": 1}
    shown_by: dict[tuple[str, str], str] = {}
    bare = [(k, rows) for k, rows in rows_of.items() if k[1] == "none" and base_name(k[3]) in order]
    for (recognizer, _, kinetics, attack), rows in sorted(bare, key=lambda kr: order[base_name(kr[0][3])]):
        if shown_by.get((recognizer, kinetics), attack) != attack:
            continue
        for row in rows:
            kind = (recognizer, kinetics, row.emotion)
            if not row.success or kind in taken or len([t for t in taken if t[:2] == kind[:2]]) >= most // 2:
                continue
            taken.add(kind)
            shown_by[recognizer, kinetics] = attack
            clip = clips[row.clip]
            changed = apply(clip, plan_of(row, threat_of[row.kinetics]))
            shown = _pictures(clip, changed, show_faces or clip.synthetic)
            told = {
                k: getattr(row, k)
                for k in ("clip", "emotion", "clean_prediction", "attacked_prediction", "region", "art")
            }
            found.append({"recognizer": recognizer, "attack": attack, "kinetics": kinetics, **told, **shown})
    return found


def plan_of(row: Row, threat: ThreatModel) -> Plan:
    """The plan a row describes, carried out under a threat model."""
    step = tuple(float(v) for v in row.direction.split(",")) if row.direction else (0.0, 0.0)
    motion = threat.motion((step[0], step[1]))
    others = ([float(v) for v in p.split()] for p in row.more.split(";") if p)
    more = tuple(Placement(x, y, area, angle) for x, y, area, angle in others)
    return Plan(
        Placement(row.x, row.y, row.size, row.angle, row.region), motion, row.art, row.evidence, row.abstained, more
    )


def _pictures(clip: Clip, changed: Clip, show_frames: bool) -> dict[str, Any]:
    if clip.flow is not None and changed.flow is not None:
        return {"flow": [_png(clip.flow), _png(changed.flow)]}
    size = 140
    pairs = aligned_pair(clip, size), aligned_pair(changed, size)
    maps = [_png(flow_map(*pair, method="dis")) for pair in pairs]
    frames = [[_png(frame) for frame in pair] for pair in pairs] if show_frames else []
    return {"flow": maps, "frames": frames}


def _png(picture: NDArray[np.uint8]) -> str:
    done, coded = cv2.imencode(".png", np.ascontiguousarray(picture[..., ::-1]))
    if not done:
        raise ValueError(f"a picture of shape {picture.shape} cannot be written as PNG")
    return base64.b64encode(coded.tobytes()).decode()


def conclusion(results: Mapping[str, Any]) -> list[str]:
    """Five lines a person can act on; every number in them is in the results."""
    cells = [c for c in results["cells"] if c["defense"] == "none"]
    lines = [_clean_line(results)]
    for kinetics in dict.fromkeys(c["kinetics"] for c in cells):
        group = [c for c in cells if c["kinetics"] == kinetics]
        lines.append(_attack_line(kinetics, group))
    lines.append(_control_line(cells))
    untried = "; ".join(n.split(":")[0] for n in results["not_tried"][:3])
    lines.append(f"{_defence_line(results['cells'])} Not tried: {untried}.")
    return lines


def _clean_line(results: Mapping[str, Any]) -> str:
    parts = [
        f"{c['recognizer']} UF1 {c['uf1']:.2f} (majority {c['majority']['uf1']:.2f})"
        for c in results["clean"]
        if c["defense"] == "none"
    ]
    return f"Clean, {results['data']['n']} clips of {results['subjects']} subjects: {'; '.join(parts)}."


def _attack_line(kinetics: str, cells: Sequence[Mapping[str, Any]]) -> str:
    parts = []
    for recognizer in dict.fromkeys(c["recognizer"] for c in cells):
        ours = [c for c in cells if c["recognizer"] == recognizer and c["asr"] is not None and c["invalid"] < c["n"]]
        digital = kinetics == "digital"
        by = {c["attack"] if digital else base_name(c["attack"]): c for c in ours}
        shown = by if digital else ("random", "au-sticker", "causal", "exhaustive")
        told = [f"{name} {by[name]['asr']:.2f}" for name in shown if name in by]
        parts.append(f"{recognizer}: {', '.join(told)}" if told else f"{recognizer}: nothing to attack")
    what = {
        "skin": "A real sticker (skin)",
        "slip": "A real, loosely attached sticker (slip)",
        "raised": "A real sticker that stands off the skin (raised)",
        "overlay": "An animated overlay",
        "screen": "A sticker fixed to the screen",
        "digital": "Pixels changed in the file (digital)",
    }
    return f"{what[kinetics]}, success by attack: {'; '.join(parts)}."


def _control_line(cells: Sequence[Mapping[str, Any]]) -> str:
    ours = [c for c in cells if base_name(c["attack"]) == "causal" and c.get("vs_random")]
    if not ours:
        return "The causal placement was not compared with a random one."
    better = [c for c in ours if c["vs_random"]["p_holm"] < 0.05 and c["vs_random"]["difference"] > 0]
    return (
        f"The causal placement beats a random one (paired, Holm p < .05) in {len(better)} of {len(ours)} comparisons: "
        + ("; ".join(f"{c['recognizer']} {c['kinetics']}" for c in better) or "none")
        + "."
    )


def _defence_line(cells: Sequence[Mapping[str, Any]]) -> str:
    ours = [c for c in cells if base_name(c["attack"]) == "causal" and c["defense"] != "none" and c["asr"] is not None]
    if not ours:
        return "No defence was tried."
    worst = max(ours, key=lambda c: c["asr"])
    best = min(ours, key=lambda c: c["asr"])
    return (
        f"Behind a defence the causal attack succeeds between {best['asr']:.2f} ({best['recognizer']} "
        f"{best['kinetics']}, {best['defense']}) and {worst['asr']:.2f} ({worst['recognizer']} {worst['kinetics']}, "
        f"{worst['defense']})."
    )
