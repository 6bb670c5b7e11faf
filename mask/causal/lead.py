"""Which region moves first: one frame's motion against the next, where rows are frames.

The series are steps: how far each region moves from one frame to the next, between onset and apex. A region leads
another when its step tells the other's next step, given its own step now, better than the same is told with
time reversed. Two readings of plain lagged correlation are so excluded: rhythm (independent series that are slow to
change look tied) and a common driver seen through unequal noise (the cleaner region seems to lead). Neither changes
when time is reversed; a lead does.

So the null is time itself: each clip, whole, is reversed or not by the toss of a coin. Clips are the blocks, and
nothing is assumed of the frames within one. A lead is Granger's: a third muscle that pulls two regions one after the
other makes one lead the other too.

Sources: Granger, Econometrica 1969; Haufe, Nikulin, Müller and Nolte, A critical assessment of connectivity measures
for EEG data, NeuroImage 2013 (reversed time).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mask.contracts import Progress, quiet

from .graph import Note
from .guards import SPARE, TooFewSamples, guard
from .lead_result import EmotionLead, Lead, LeadResult
from .result import Control

Floats = NDArray[np.float64]

_BELOW_ONE = 1 - 1e-12

FEWEST_STEPS = 3
"""Steps between onset and apex below which a clip says nothing about order."""


@dataclass(frozen=True, eq=False)
class _Clips:
    """Each clip's covariance within a frame, and from one frame to the next."""

    now: Floats  # (C, R, R)
    next: Floats  # (C, R, R), [a, b]: a's step with b's next one
    apex: Floats  # (C, R), displacement from onset to apex
    frames: Floats  # (C,)
    labels: NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class _Strengths:
    """How much more is told forward than backward: of pairs ``(R, R)``, and of emotions' apexes ``(K, R)``."""

    pairs: Floats
    apex: Floats


def lead(
    steps: Sequence[Floats],
    labels: Sequence[str],
    region_names: Sequence[str],
    emotions: Sequence[str],
    *,
    rng: np.random.Generator,
    level: float = 0.05,
    bootstraps: int = 200,
    nulls: int = 200,
    progress: Progress = quiet,
) -> LeadResult:
    """Find which region's motion leads which, and which leads each emotion's apex.

    Args:
        steps: one clip each, ``(T, R)`` motion from frame to frame, onset to apex; T may differ.
        labels: the clips' emotions by name.
        region_names: R names.
        emotions: the emotions by name.
        rng: the source of randomness.
        level: the chance of naming any pair where time has no direction; the same for emotions.
        bootstraps: resamples of whole clips.
        nulls: draws of each control; `level` cannot be met with fewer than ``1 / level - 1``.
        progress: told of every resample and draw, ``bootstraps + 2 * nulls`` in all.

    Returns:
        The result; it abstains rather than fails where there are too few clips or frames.

    Raises:
        ValueError: for arguments that do not fit together.
    """
    _check(steps, labels, region_names, emotions, level, bootstraps, nulls)
    notes: list[Note] = []
    try:
        series, chosen, regions = _usable([np.asarray(s, dtype=np.float64) for s in steps], region_names, notes)
    except TooFewSamples as error:
        return LeadResult.nothing(str(error), level, tuple(emotions), tuple(notes))
    clips = _moments(series, np.array([list(emotions).index(labels[i]) for i in chosen], dtype=np.intp))
    kinds = len(emotions)
    found = _strengths(clips, clips.next, np.ones(len(series)), kinds)
    pairs, apex = (np.empty(nulls) for _ in range(2))
    for draw in range(nulls):
        turned = rng.random(len(series)) < 0.5
        moved = _strengths(clips, _reversed(clips.next, turned), np.ones(len(series)), kinds)
        pairs[draw], apex[draw] = moved.pairs.max(), moved.apex.max()
        progress(1)
    lines = np.quantile(pairs, 1 - level), np.quantile(apex, 1 - level)
    often, apex_often = _frequencies(clips, kinds, lines, bootstraps, rng, progress)
    leads = _leads(found.pairs, often, _p_values(found.pairs, pairs), regions)
    return LeadResult(
        level=level,
        clips=len(series),
        frames=int(clips.frames.sum()),
        resamples=bootstraps,
        regions=regions,
        emotions=tuple(emotions),
        leads=leads,
        by_emotion=_by_emotion(found.apex, apex_often, _p_values(found.apex, apex), regions, emotions, level),
        controls=(
            Control("reversed time", nulls, highest=float(lines[0])),
            _shuffled(series, clips, kinds, lines[0], nulls, rng, progress),
        ),
        notes=tuple(notes),
    )


def _usable(
    steps: list[Floats], names: Sequence[str], notes: list[Note]
) -> tuple[list[Floats], list[int], tuple[str, ...]]:
    """The regions that move and differ, at unit size, in the clips long enough that show them all; which clips."""
    long = [i for i, s in enumerate(steps) if len(s) >= FEWEST_STEPS]
    rows = np.concatenate([steps[i] for i in long]) if long else np.empty((0, len(names)))
    kept = guard(rows, names, lost=float(len(long)))
    seen = [i for i in long if np.isfinite(steps[i][:, kept.columns]).all()]
    notes += [n for n in kept.notes if n.kind not in ("rows", "samples")]
    if len(seen) < len(steps):
        why = f"fewer than {FEWEST_STEPS} steps from onset to apex, or a region out of sight"
        notes.append(Note("rows", (), f"{len(steps) - len(seen)} of {len(steps)} clips have {why}"))
    pairs = sum(len(steps[i]) - 2 for i in seen)
    if pairs - len(kept.names) < SPARE:
        raise TooFewSamples(
            f"{pairs} pairs of frames in {len(seen)} clips are too few to tell which of {len(kept.names)} regions leads"
        )
    series = [steps[i][:, kept.columns] for i in seen]
    size = np.sqrt(np.mean(np.concatenate([s - s.mean(axis=0) for s in series]) ** 2, axis=0))
    return [s / np.where(size > 0, size, 1.0) for s in series], seen, kept.names


def _moments(series: Sequence[Floats], labels: NDArray[np.intp]) -> _Clips:
    inside = [s - s.mean(axis=0) for s in series]
    return _Clips(
        now=np.stack([s.T @ s for s in inside]),
        next=np.stack([s[:-1].T @ s[1:] for s in inside]),
        apex=np.stack([s.sum(axis=0) for s in series]),
        frames=np.array([float(len(s)) for s in series]),
        labels=labels,
    )


def _strengths(clips: _Clips, following: Floats, weights: Floats, kinds: int) -> _Strengths:
    """The statistics of the clips, each counted as often as its weight."""
    now, after = (np.tensordot(weights, m, axes=1) for m in (clips.now, following))
    samples = float(weights @ (clips.frames - 2))
    pairs = _told(now, after, samples) - _told(now, after.T, samples)
    apex = np.zeros((kinds, len(now)))
    for k in range(kinds):
        own = np.where(clips.labels == k, weights, 0.0)
        count = float(own @ (clips.frames - 2))
        if own.any() and count > SPARE:
            now, after = (np.tensordot(own, m, axes=1) for m in (clips.now, following))
            pattern = own @ clips.apex / own.sum()
            apex[k] = _told_apex(now, after, pattern, count) - _told_apex(now, after.T, pattern, count)
    return _Strengths(pairs, apex)


def _told(now: Floats, after: Floats, samples: float) -> Floats:
    """How much each region's step tells of each one's next step beyond its own step now; own pasts are 0.

    The mean of ``|z|`` given nothing else and ``|z|`` given all other regions, as in `mask.causal.score`: neighbours
    that move together would explain each other's lead away.
    """
    size: Floats = (_alone(now, after, samples) + _direct(now, after, samples)) / 2
    np.fill_diagonal(size, 0.0)
    return size


def _alone(now: Floats, after: Floats, samples: float) -> Floats:
    own, onward = np.maximum(np.diagonal(now), 1e-12), np.diagonal(after)
    crossed = after - now * (onward / own)
    spread = np.maximum(own[:, None] - now**2 / own, 1e-12) * np.maximum(own - onward**2 / own, 1e-12)
    size: Floats = np.sqrt(max(samples - 4, 1.0)) * np.arctanh(
        np.minimum(np.abs(crossed) / np.sqrt(spread), _BELOW_ONE)
    )
    return size


def _direct(now: Floats, after: Floats, samples: float) -> Floats:
    # A resample may leave a region still.
    precision = np.linalg.pinv(now, hermitian=True)
    slope = precision @ after
    left = np.maximum(np.diagonal(now) - (after * slope).sum(axis=0), 1e-12)
    scale = np.sqrt(np.maximum(np.diagonal(precision), 1e-12)[:, None] * left)
    size: Floats = np.sqrt(max(samples - len(now) - 2, 1.0)) * np.abs(np.arcsinh(slope / scale))
    return size


def _told_apex(now: Floats, after: Floats, pattern: Floats, samples: float) -> Floats:
    """``|z|`` of each region's step and the next step of the others towards the apex, given the others' step now."""
    others = np.where(np.eye(len(now), dtype=bool), 0.0, pattern)
    towards = np.maximum(np.einsum("ab,bc,ac->a", others, now, others), 1e-12)
    own = np.einsum("ab,ab->a", now, others)
    onward = np.einsum("ab,bc,ac->a", others, after, others)
    crossed = np.einsum("ab,ab->a", after, others) - own * onward / towards
    spread = np.maximum(np.diagonal(now) - own**2 / towards, 1e-12) * np.maximum(towards - onward**2 / towards, 1e-12)
    size: Floats = np.sqrt(max(samples - 4, 1.0)) * np.arctanh(
        np.minimum(np.abs(crossed) / np.sqrt(spread), _BELOW_ONE)
    )
    return size


def _reversed(following: Floats, turned: NDArray[np.bool_]) -> Floats:
    return np.where(turned[:, None, None], following.transpose(0, 2, 1), following)


def _frequencies(
    clips: _Clips,
    kinds: int,
    lines: tuple[float, float],
    bootstraps: int,
    rng: np.random.Generator,
    progress: Progress,
) -> tuple[Floats, Floats]:
    """The share of resamples of clips in which each statistic lies above its line."""
    count = len(clips.frames)
    above, apex_above = np.zeros(clips.now.shape[1:]), np.zeros((kinds, clips.now.shape[1]))
    for _ in range(bootstraps):
        weights = np.bincount(rng.integers(count, size=count), minlength=count).astype(np.float64)
        drawn = _strengths(clips, clips.next, weights, kinds)
        above += drawn.pairs > lines[0]
        apex_above += drawn.apex > lines[1]
        progress(1)
    return above / bootstraps, apex_above / bootstraps


def _shuffled(
    series: Sequence[Floats],
    clips: _Clips,
    kinds: int,
    line: float,
    draws: int,
    rng: np.random.Generator,
    progress: Progress,
) -> Control:
    """Frames in random order within each clip: what moves together still does, nothing comes first."""
    share, highest = [], []
    for _ in range(draws):
        mixed = _moments([s[rng.permutation(len(s))] for s in series], clips.labels)
        pairs = _strengths(mixed, mixed.next, np.ones(len(series)), kinds).pairs
        share.append(float((pairs > line).sum() / max(1, pairs.size - len(pairs))))
        highest.append(pairs.max())
        progress(1)
    return Control(
        "shuffled time", draws, region_edges=float(np.mean(share)), highest=float(np.quantile(highest, 0.95))
    )


def _p_values(found: Floats, highest: Floats) -> Floats:
    """The share of draws, this one counted in, whose highest value anywhere reaches each."""
    reached = (highest[:, None, None] >= found - 1e-9).sum(axis=0)
    return np.asarray((1 + reached) / (1 + len(highest)), dtype=np.float64)


def _leads(found: Floats, often: Floats, p_values: Floats, regions: Sequence[str]) -> tuple[Lead, ...]:
    rows = [
        Lead(regions[a], regions[b], float(found[a, b]), float(often[a, b]), float(p_values[a, b]))
        for a, b in np.argwhere(found > 0)
    ]
    return tuple(sorted(rows, key=lambda lead: -lead.score))


def _by_emotion(
    found: Floats, often: Floats, p_values: Floats, regions: Sequence[str], emotions: Sequence[str], level: float
) -> tuple[EmotionLead, ...]:
    out = []
    for k, emotion in enumerate(emotions):
        best = int(found[k].argmax())
        p = float(p_values[k, best])
        if found[k, best] <= 0:
            out.append(EmotionLead(emotion, None, "too few frames show it", 0.0, 0.0, 1.0))
            continue
        clear = p <= level
        reached = f"p {p:.3f} against reversed time"
        reason = f"{regions[best]} moves before the rest of the face, {reached}"
        if not clear:
            reason = f"no region moves before the rest of the face: {regions[best]} comes closest, {reached}"
        score, frequency = float(found[k, best]), float(often[k, best])
        out.append(EmotionLead(emotion, regions[best] if clear else None, reason, score, frequency, p))
    return tuple(out)


def _check(
    steps: Sequence[Floats],
    labels: Sequence[str],
    regions: Sequence[str],
    emotions: Sequence[str],
    level: float,
    bootstraps: int,
    nulls: int,
) -> None:
    if not 0 < level < 1 or bootstraps < 1 or nulls < 1 / level - 1:
        raise ValueError(f"{bootstraps} resamples and {nulls} draws cannot decide at level {level:g}")
    if len(labels) != len(steps):
        raise ValueError(f"there are {len(labels)} labels for {len(steps)} clips; expected one each")
    wrong = next((np.shape(s) for s in steps if np.ndim(s) != 2 or np.shape(s)[1] != len(regions)), None)
    if wrong is not None:
        raise ValueError(f"a clip's steps have shape {wrong}; expected (T, {len(regions)})")
    unknown = sorted(set(labels) - set(emotions))
    if unknown:
        raise ValueError(f"the label {unknown[0]!r} is not among the emotions {', '.join(emotions)}")
