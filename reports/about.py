"""What was audited: the systems, the threat model and the data, as names and values."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from . import words
from .document import Block, Column, Fact, Facts, Row, Section, Table, Text, Value, named, numbered, table, whole
from .model import Run, Threat
from .untrusted import Node, clean

EVIDENCE = {
    "synthetic": "rendered faces that belong to nobody: evidence about the method, not about people",
    "real": "real clips of people",
    "not said": "the run does not say whether the clips are real or rendered",
}

ACCESS = {
    "none": "never asks; one look, the final one",
    "decision": "asks for the answer",
    "score": "asks for the probabilities",
    "gradient": "holds the recognizer (white box)",
}

_SAID = ("name", "labels", "reads", "weights", "sha256", "licence", "intended_purpose", "source")
_LONGEST = 240
_NOTHING: tuple[object, ...] = (None, "", [], {})


def system(run: Run) -> Section:
    """What is under audit: weights, licence, labels, intended purpose."""
    facts = Facts(tuple(Fact(node["name"].text(), tuple(_recognizer(node))) for node in run.recognizers))
    return Section(
        "system",
        "System under test",
        (facts, Text("What a recognizer's card does not say is for its provider to say; an auditor asks.", soft=True)),
    )


def _recognizer(node: Node) -> Iterator[str]:
    yield f"answers {_plain(node['labels'].raw())}" if "labels" in node else "label set: not said"
    yield f"reads {_plain(node['reads'].raw())}" if "reads" in node else "input: not said"
    yield f"weights: {_plain(node['weights'].raw())}" if "weights" in node else "weights: not said"
    yield f"SHA-256 of the weights: {_hash(node)}"
    for name in ("licence", "intended_purpose", "source"):
        yield f"{words.region(name)}: {_plain(node[name].raw()) if name in node else 'not said'}"
    for name, member in node.items():
        if name not in (*_SAID, "models") and member.raw() not in _NOTHING:
            yield f"{words.region(name)}: {_plain(member.raw())}"


def _hash(node: Node) -> str:
    found = node.get("sha256", None).raw()
    if isinstance(found, dict) and len(found) > 2:
        return f"of {len(found)} files, all listed under How to reproduce"
    return _plain(found) if found not in _NOTHING else "not said"


def weights(run: Run) -> list[tuple[str, str, str]]:
    """Recognizer, file and SHA-256 of everything a run was given."""
    found = []
    for node in run.recognizers:
        told = node.get("sha256", None).raw()
        if isinstance(told, dict):
            found += [(node["name"].text(), clean(str(k)), clean(str(v))) for k, v in told.items()]
        elif told not in _NOTHING:
            found.append((node["name"].text(), "weights", _plain(told)))
    return found


def threat(run: Run) -> Section:
    """What the attacker was allowed, by kinetics and by attack."""
    goal = Fact(
        "goal", ("untargeted: the recognizer, right about a clip before, gives another answer with the sticker",)
    )
    knows = "; ".join(dict.fromkeys(_knows(t) for t in run.threats))
    items = (
        goal,
        Fact("knowledge", (knows, f"discovery: {run.discovery}", _owned(run))),
        *(Fact(t.kinetics, tuple(_capability(t))) for t in run.threats),
        Fact("defender", ("does not know of the attack; defences are the ones named, switched on beforehand",)),
    )
    return Section("threat", "Threat model", (Facts(items), _attacks(run)))


def _knows(threat: Threat) -> str:
    return f"the wearer {'knows' if threat.knows_emotion else 'does not know'} the emotion to hide"


def _owned(run: Run) -> str:
    if run.surrogates is None:
        return "recognizers the attacker owns: see discovery"
    owned = [_plain(node["name"].raw()) if "name" in node else "one without a name" for node in run.surrogates]
    if run.siblings:
        owned.insert(0, "other models of the same study, where there are any")
    return f"recognizers the attacker owns: {words.listed(owned) or 'none'}; never the one under audit"


def _capability(threat: Threat) -> Iterator[str]:
    yield words.KINETICS.get(threat.kinetics, "a way of moving this version does not know")
    if threat.kinetics == "digital":
        yield f"each pixel by at most {threat.eps}/255 (Linf), in 8 bits"
    else:
        many = "one sticker" if threat.number == 1 else f"at most {threat.number} stickers, together"
        yield f"{many} of at most {threat.area:.1%} of the face box"
        if threat.regions:
            yield f"centred on {words.listed([words.region(r) for r in threat.regions], 'or')}"
    if threat.kinetics == "overlay":
        yield f"{threat.directions} directions, {threat.reach_mm:g} mm along each axis on frames"
    if threat.kinetics == "slip" and threat.slip_mm is not None:
        yield f"at most {threat.slip_mm:g} mm on the skin, held back or sagging"
    if threat.kinetics == "raised" and threat.height_mm is not None:
        yield f"at most {threat.height_mm:g} mm high; the head's own turn, or one of 10 degrees made on purpose"
    yield (
        "no limit on queries"
        if threat.budget is None
        else f"{words.count(threat.budget, 'query', 'queries')} per clip at most, the final look included"
    )


def _attacks(run: Run) -> Table:
    """What each attack may ask, how often it did, and what its name stands for."""
    rows = []
    for attack in dict.fromkeys(c.attack for c in run.cells if not c.region):
        cells = [c for c in run.cells if c.attack == attack]
        asked = max(c.queries_max for c in cells)
        access = ACCESS.get(cells[0].access, cells[0].access or "not said")
        stands = Value(_short(run.attacks.get(attack, "not said")), style="prose")
        rows.append(Row((attack, access, whole(asked), stands)))
    heads = (*named("attack", "access to the recognizer"), Column("most queries per clip"), *named("stands for"))
    return table("Attacks", heads, rows, stacked=True)


def data(run: Run) -> Section:
    """What the numbers rest on: clips, subjects, emotions, and how what is studied is kept from what is attacked."""
    card = [
        Fact(words.region(name), (_plain(node.raw()),))
        for name, node in run.data_card.items()
        if node.raw() not in _NOTHING and name not in ("clips", "subjects", "emotions")
    ]
    facts = [
        Fact("evidence", (EVIDENCE[run.evidence],)),
        Fact("data", (f"{run.data_name}: {words.count(run.clips, 'clip')} of {words.count(run.subjects, 'subject')}",)),
        *card,
        Fact("split", (run.discovery,)),
        Fact("regions and places", tuple(_places(run))),
    ]
    blocks: list[Block] = [Facts(tuple(facts))]
    counts = _counts(run)
    if counts is not None:
        blocks.append(counts)
        blocks.append(
            Text("Age, sex, skin and light of the subjects are not part of a run's results: not said.", soft=True)
        )
    return Section("data", "Data and split", tuple(blocks))


def _places(run: Run) -> Iterator[str]:
    yield f"scheme {run.scheme}"
    if run.step is not None:
        yield f"on frames, a place every {run.step:.3f} of the face box's width"


def _counts(run: Run) -> Table | None:
    """Clips and subjects of each emotion, from the rows of any one cell."""
    if run.table is None or not run.table.rows_of:
        return None
    rows = next(iter(run.table.rows_of.values()))
    emotion, subject = run.table["emotion"], run.table["subject"].codes[rows]
    told = []
    for name in run.emotions:
        mine = subject[emotion.codes[rows] == emotion.code(name)]
        per = np.bincount(mine)[np.unique(mine)] if len(mine) else np.zeros(1, dtype=np.int64)
        spread = (whole(int(per.min())), Value(f"{np.median(per):g}", float(np.median(per))), whole(int(per.max())))
        told.append(Row((name, whole(len(mine)), whole(len(np.unique(mine))), *spread)))
    heads = (*named("emotion"), *numbered("clips", "subjects", "fewest per subject", "median", "most"))
    return table("Clips by emotion; subjects are those with at least one such clip", heads, told)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _plain(value: object, depth: int = 3) -> str:
    """A value of a card on one line."""
    if depth == 0 and isinstance(value, dict | list):
        text = "…"
    elif isinstance(value, dict):
        told = {k: v for k, v in list(value.items())[:40] if v not in _NOTHING}
        text = ", ".join(f"{words.region(str(k))} {_plain(v, depth - 1)}" for k, v in told.items())
    elif isinstance(value, list):
        more = f" and {len(value) - 12} more" if len(value) > 12 else ""
        text = ", ".join(_plain(v, depth - 1) for v in value[:12]) + more
    else:
        text = f"{value:g}" if isinstance(value, float) else str(value)
    return _short(clean(text))


def versions(environment: Node) -> str:
    """What the run was made with."""
    parts = [f"MASK {_plain(environment.get('mask', 'not said').raw())}"]
    parts.append(f"Python {_plain(environment.get('python', 'not said').raw())}")
    parts += [f"{name} {_plain(node.raw())}" for name, node in environment.get("packages", {}).items()]
    return ", ".join(parts)


def machine(environment: Node) -> str:
    """What the run was made on."""
    system = _plain(environment.get("system", "unknown system").raw())
    cores = _plain(environment.get("cores", "unknown").raw())
    device = _plain(environment.get("device", "device not said").raw())
    return f"{system} on {_plain(environment.get('machine', 'an unknown machine').raw())}, {cores} cores, {device}"
