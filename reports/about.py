"""What was audited: recognizers, data, threat model, discovery, versions, as names and values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from . import words
from .model import Run, Threat
from .untrusted import Node, clean

EVIDENCE = {
    "synthetic": "synthetic: rendered faces that belong to nobody; evidence about the method, not about people",
    "real": "real clips of people",
    "not said": "the run does not say whether the clips are real or rendered",
}

_LONGEST = 240
_NOTHING: tuple[object, ...] = (None, "", [], {})


@dataclass(frozen=True)
class Fact:
    """A name and what there is to say about it, one line or several."""

    name: str
    lines: tuple[str, ...]


def about(run: Run) -> list[Fact]:
    """Every fact a reader needs to judge the numbers."""
    return [
        Fact("evidence", (EVIDENCE[run.evidence],)),
        Fact("data", tuple(_data(run))),
        Fact("recognizers", tuple(_recognizer(node) for node in run.recognizers)),
        Fact("threat model", tuple(_threat(t) for t in run.threats)),
        Fact("discovery", (run.discovery,)),
        Fact("regions and places", (f"scheme {run.scheme}", *_places(run))),
        Fact("seed", (str(run.seed),)),
        Fact("versions", (_versions(run.environment),)),
        Fact("time", (_time(run),)),
    ]


def _data(run: Run) -> Iterator[str]:
    clips, subjects = words.count(run.clips, "clip"), words.count(run.subjects, "subject")
    yield f"{run.data_name}: {clips} of {subjects}; {', '.join(run.emotions)}"
    for name, node in run.data_card.items():
        value = node.raw()
        if name not in ("adapter", "clips", "subjects", "emotions") and value not in _NOTHING:
            yield f"{name}: {_plain(value)}"


def _places(run: Run) -> Iterator[str]:
    if run.step is not None:
        yield f"on frames, a place every {run.step:.3f} of the face box's width"


def _recognizer(node: Node) -> str:
    parts = [node["name"].text()]
    for name, member in node.items():
        value = member.raw()
        if name == "sha256" and isinstance(value, dict) and len(value) > 2:
            parts.append(f"{len(value)} files of weights, each with its SHA-256 in results.json")
        elif name not in ("name", "models") and value not in _NOTHING:
            parts.append(f"{name} {_plain(value)}")
    return "; ".join(parts)


def _plain(value: object, depth: int = 3) -> str:
    """A value of a card on one line."""
    if depth == 0 and isinstance(value, dict | list):
        text = "…"
    elif isinstance(value, dict):
        told = {k: v for k, v in list(value.items())[:40] if v not in _NOTHING}
        text = ", ".join(f"{words.region(k)} {_plain(v, depth - 1)}" for k, v in told.items())
    elif isinstance(value, list):
        more = f" and {len(value) - 12} more" if len(value) > 12 else ""
        text = ", ".join(_plain(v, depth - 1) for v in value[:12]) + more
    else:
        text = f"{value:g}" if isinstance(value, float) else str(value)
    text = clean(text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _threat(threat: Threat) -> str:
    knows = "the wearer knows the emotion to hide" if threat.knows_emotion else "the wearer does not know the emotion"
    limit = (
        "no limit on queries" if threat.budget is None else words.count(threat.budget, "query", "queries") + " per clip"
    )
    size = f"at most {threat.area:.1%} of the face box"
    if threat.kinetics == "digital":
        size = f"each pixel by at most {threat.eps}/255 (Linf), in 8 bits"
    parts = [words.KINETICS.get(threat.kinetics, ""), size, limit, knows]
    if threat.kinetics == "overlay":
        parts.insert(1, f"{threat.directions} directions, {threat.reach_mm:g} mm along each axis on frames")
    if threat.kinetics == "slip" and threat.slip_mm is not None:
        parts.insert(1, f"at most {threat.slip_mm:g} mm on the skin, held back or sagging")
    if threat.kinetics == "raised" and threat.height_mm is not None:
        parts.insert(
            1, f"at most {threat.height_mm:g} mm high; the head's own turn, or one of 10 degrees made on purpose"
        )
    return f"{threat.kinetics}: {'; '.join(p for p in parts if p)}"


def _versions(environment: Node) -> str:
    parts = [f"MASK {_plain(environment.get('mask', 'not said').raw())}"]
    parts.append(f"Python {_plain(environment.get('python', 'not said').raw())}")
    parts += [f"{name} {_plain(node.raw())}" for name, node in environment.get("packages", {}).items()]
    system = _plain(environment.get("system", "unknown system").raw())
    cores = _plain(environment.get("cores", "unknown").raw())
    return f"{', '.join(parts)}; {system} on {_plain(environment.get('machine', '').raw())}, {cores} cores"


def _time(run: Run) -> str:
    seconds = sum(c.seconds for c in run.cells)
    return f"{seconds:,.0f} s for {words.count(len(run.cells), 'cell')}"
