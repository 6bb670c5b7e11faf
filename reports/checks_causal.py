"""The row of the checklist about causal discovery: its nulls, its stability, and its own warnings."""

from __future__ import annotations

from collections.abc import Sequence

from mask import metrics
from mask.causal.result import Control

from . import words
from .causes import Probe
from .check import Finding, flagged, not_run, passed, together
from .model import Run


def null(run: Run, probes: Sequence[Probe]) -> Finding:
    """Row 24."""
    if not probes:
        return not_run("no probe is part of this run")
    return together([_quiet(probes), _not_first(probes), _warnings(probes)])


def _quiet(probes: Sequence[Probe]) -> Finding:
    """How many edges the search finds in data without content."""
    done = [(c, p.result.alpha) for p in probes for c in p.result.controls if c.draws]
    rates = [(e, alpha, c.name) for c, alpha in done for e in (c.false_edges, c.region_edges) if e is not None]
    if not rates:
        return not_run("the search was not put to data without content")
    off = [f"{name} {rate:.1%}" for rate, alpha, name in rates if rate > alpha]
    if off:
        return flagged(
            f"edges where nothing is there, above the level of the test: {words.listed(list(dict.fromkeys(off)))}"
        )
    names = list(dict.fromkeys(name for _, _, name in rates))
    return passed(
        f"at most {max(r for r, _, _ in rates):.1%} of pairs joined where nothing is there ({words.listed(names)})"
    )


def _not_first(probes: Sequence[Probe]) -> Finding:
    """Whether a region that is named also comes first, more often than by chance, where there is nothing to find."""
    off, named = [], 0
    for probe in probes:
        favourites = {region for c in probe.result.controls for region in _favoured(c)}
        for f in probe.findings:
            named += f.region is not None
            if f.region in favourites:
                off.append(f"{words.region(f.region or '')} for {f.emotion}")
    if off:
        return flagged(
            "named, and also first in a null control more often than by chance: "
            f"{words.listed(list(dict.fromkeys(off)))}"
        )
    if not named:
        return passed("the search abstained throughout")
    return passed("no region that is named comes first in a null control more often than by chance")


def _favoured(control: Control) -> list[str]:
    """Regions that come first in a null control more often than dealt out at random."""
    if not control.draws or not control.top:
        return []
    return [
        region
        for region, share in control.top.items()
        if metrics.wilson(min(round(share * control.draws), control.draws), control.draws)[0] > 1 / len(control.top)
    ]


def _warnings(probes: Sequence[Probe]) -> Finding:
    flags = list(dict.fromkeys(f for p in probes for f in p.result.flags))
    return flagged("; ".join(flags)) if flags else passed("no warning of its own")
