"""What the probe found, as plain data with one JSON form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from .graph import Graph, Note

SCHEMA = "mask.probe/1"


@dataclass(frozen=True)
class RegionScore:
    """One region's tie to one emotion.

    Args:
        region: by name.
        emotion: by name; in the overall ranking, the emotion this region is tied to most strongly.
        score: the mean of `tie` and `direct`.
        tie: ``|z|`` of the plain correlation, in standard normal units.
        direct: the smallest ``|z|`` of all independence tests PC put the tie to, given any other regions.
        frequency: share of resamples in which the tie is an edge of the graph.
        frequency_ci95: Wilson interval of `frequency`, of the resampling only.
        top_frequency: share of resamples in which this region has the emotion's highest score.
        p_null: share of draws with permuted labels in which any region scores as high for any emotion.
        effect: standardised mean difference of the region's motion, this emotion against the rest, within subjects.
        partial: the signed partial correlation behind `direct`.
        marginal: the signed plain correlation.
        vector: mean displacement (u, v) of this emotion less that of the rest, when vectors were given.
    """

    region: str
    emotion: str
    score: float
    tie: float
    direct: float
    frequency: float
    frequency_ci95: tuple[float, float]
    top_frequency: float
    p_null: float
    effect: float
    partial: float
    marginal: float
    vector: tuple[float, float] | None = None

    @property
    def direction(self) -> str:
        """How this emotion's motion differs from the others': ``further up``, say, or ``more`` without vectors."""
        if self.vector is None:
            return "more" if self.effect >= 0 else "less"
        right, down = self.vector
        reach = max(abs(right), abs(down)) / 2
        parts = [
            name
            for name, length in (("up", -down), ("down", down), ("left", -right), ("right", right))
            if length > 0 and length >= reach
        ]
        return "further " + " and ".join(parts) if parts else "no further"


@dataclass(frozen=True)
class Finding:
    """What the probe says about one emotion, or overall.

    Args:
        emotion: by name; empty for the overall finding.
        region: the region named, `None` when the probe abstains.
        reason: why it names the region, or why it abstains.
        candidates: the region of highest score, and the fewest others with which it has the highest score in four
            fifths of the resamples. Several mean that any of them may be meant, as with two brows that rise together.
        ranking: every usable region, highest score first.
        plain: the region with the largest plain correlation, for comparison.
    """

    emotion: str
    region: str | None
    reason: str
    candidates: tuple[str, ...]
    ranking: tuple[RegionScore, ...]
    plain: str | None

    @property
    def abstained(self) -> bool:
        """Whether the probe declines to name a region."""
        return self.region is None


@dataclass(frozen=True)
class Control:
    """What the same search said about data without content.

    Args:
        name: which data.
        draws: how many sets were made; 0 when the control did not run.
        false_edges: share of region to emotion pairs joined.
        region_edges: share of region pairs joined, where that is what the control is about.
        highest: the score that one draw in twenty exceeds somewhere; a finding's should lie above it.
        top: for each region, the share of draws in which it had the highest score.
        why_not: why the control did not run; empty when it did.
    """

    name: str
    draws: int
    false_edges: float | None = None
    region_edges: float | None = None
    highest: float | None = None
    top: Mapping[str, float] | None = None
    why_not: str = ""


@dataclass(frozen=True)
class PairFrequency:
    """How often two regions were adjacent over the resamples, and with which arrow."""

    first: str
    second: str
    adjacent: float
    forward: float
    backward: float


@dataclass(frozen=True)
class ProbeResult:
    """Everything the probe found.

    Args:
        method: the search behind `graph` and the frequencies.
        alpha: significance level of each independence test.
        level: the family-wise level a finding had to meet against permuted labels.
        rows, clips, subjects: what went in after the guards; `subjects` is 0 where they are not known.
        samples: how many independent rows that is worth.
        resampled: what the resamples drew: ``subjects``, ``clips`` or ``rows``.
        resamples: how many.
        regions, emotions: everything that was given, by name.
        overall: the region with the highest score for any emotion.
        by_emotion: one finding per emotion.
        graph: regions, and arrows from regions into emotions.
        pairs: stability of the edges between regions; pairs that were never adjacent are left out.
        controls: what was run on content-free data, and what was not.
        flags: reasons to distrust the findings.
    """

    method: str
    alpha: float
    level: float
    rows: int
    clips: int
    subjects: int
    samples: float
    resampled: str
    resamples: int
    regions: tuple[str, ...]
    emotions: tuple[str, ...]
    overall: Finding
    by_emotion: tuple[Finding, ...]
    graph: Graph
    pairs: tuple[PairFrequency, ...]
    controls: tuple[Control, ...]
    flags: tuple[str, ...]

    @property
    def abstained(self) -> bool:
        """Whether no region is named at all."""
        return self.overall.abstained

    @property
    def notes(self) -> tuple[Note, ...]:
        """What the guards dropped or limited."""
        return self.graph.notes

    def of(self, emotion: str) -> Finding:
        """The finding about one emotion; `KeyError` for one that was not given."""
        found = {f.emotion: f for f in self.by_emotion}
        return found[emotion]

    def to_json(self) -> dict[str, Any]:
        """The result as JSON-compatible data, with ``"schema": "mask.probe/1"``."""
        plain = {k: v for k, v in vars(self).items() if k not in ("overall", "by_emotion", "graph")}
        plain["pairs"] = [asdict(p) for p in self.pairs]
        plain["controls"] = [asdict(c) for c in self.controls]
        for name in ("regions", "emotions", "flags"):
            plain[name] = list(plain[name])
        return {
            "schema": SCHEMA,
            **plain,
            "overall": _finding_to_json(self.overall),
            "by_emotion": [_finding_to_json(f) for f in self.by_emotion],
            "graph": self.graph.to_json(),
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> ProbeResult:
        """Read what `to_json` wrote; further keys beside it are passed over.

        Raises:
            ValueError: for anything else.
        """
        if not isinstance(data, Mapping) or data.get("schema") != SCHEMA:
            raise ValueError(f'this is not a probe result; expected "schema": "{SCHEMA}"')
        try:
            rest = {f.name: data[f.name] for f in fields(ProbeResult)}
            for name in ("regions", "emotions", "flags"):
                rest[name] = tuple(str(v) for v in rest[name])
            rest["pairs"] = tuple(PairFrequency(**p) for p in rest["pairs"])
            rest["controls"] = tuple(Control(**c) for c in rest["controls"])
            rest["overall"] = _finding_from_json(rest["overall"])
            rest["by_emotion"] = tuple(_finding_from_json(f) for f in rest["by_emotion"])
            rest["graph"] = Graph.from_json(rest["graph"])
            return ProbeResult(**rest)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"this probe result is damaged: {error!r}") from error


def _finding_to_json(finding: Finding) -> dict[str, Any]:
    data = asdict(finding)
    data["ranking"] = [
        {**asdict(s), "direction": s.direction, "frequency_ci95": list(s.frequency_ci95), "vector": _listed(s.vector)}
        for s in finding.ranking
    ]
    return {**data, "candidates": list(finding.candidates), "abstained": finding.abstained}


def _finding_from_json(data: Mapping[str, Any]) -> Finding:
    rest = {k: v for k, v in data.items() if k != "abstained"}
    scores = [{k: v for k, v in s.items() if k != "direction"} for s in rest["ranking"]]
    for s in scores:
        s["frequency_ci95"] = tuple(s["frequency_ci95"])
        s["vector"] = None if s["vector"] is None else tuple(s["vector"])
    rest["candidates"] = tuple(rest["candidates"])
    return Finding(**{**rest, "ranking": tuple(RegionScore(**s) for s in scores)})


def _listed(vector: tuple[float, float] | None) -> list[float] | None:
    return None if vector is None else list(vector)
