"""From clips to the probe: flow maps, regional motion, and the controls that belong to them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mask.clip import Clip
from mask.contracts import Progress, quiet
from mask.errors import NoFaceError, UnreadableData
from mask.faces import aligned_pair
from mask.flow import flow_maps
from mask.regions import Scheme

from .discover import Method
from .probe import probe, steps
from .result import ProbeResult
from .variables import clip_motion, geometry_control, scrambled_control

SIZE = 140
_BATCH = 64


def maps(clips: Sequence[Clip], flow: str = "tvl1", progress: Progress = quiet) -> tuple[NDArray[np.uint8], list[Clip]]:
    """The flow map of each clip that has one or shows a face, ``uint8 (N, 28, 28, 3)``, and those clips."""
    found: list[NDArray[np.uint8]] = []
    kept: list[Clip] = []
    for start in range(0, len(clips), _BATCH):
        part = clips[start : start + _BATCH]
        pairs = {clip.key: pair for clip in part if (pair := _pair(clip)) is not None}
        made = dict(zip(pairs, flow_maps(np.stack(list(pairs.values())), flow), strict=True)) if pairs else {}
        for clip in part:
            known = made.get(clip.key) if clip.flow is None else clip.flow
            if known is not None:
                found.append(known)
                kept.append(clip)
        progress(len(part))
    return np.stack(found) if found else np.empty((0, 28, 28, 3), np.uint8), kept


def _pair(clip: Clip) -> NDArray[np.uint8] | None:
    """The aligned onset and apex, or `None` for a clip of flow or without a face."""
    if clip.flow is not None:
        return None
    try:
        return aligned_pair(clip, SIZE)
    except NoFaceError:
        return None


def observe(
    clips: Sequence[Clip],
    neutral: Sequence[Clip],
    emotions: Sequence[str],
    scheme: Scheme,
    *,
    rng: np.random.Generator,
    method: Method = "pc",
    flow: str = "tvl1",
    alpha: float = 0.05,
    bootstraps: int = 200,
    nulls: int = 200,
    progress: Progress = quiet,
) -> ProbeResult:
    """Probe labelled clips: which regions' motion is tied to which emotion.

    The controls are labels permuted within subjects, the clips' own flow with all places mixed up, and smooth noise
    under the same masks.

    Raises:
        UnreadableData: when no clip shows a face.
    """
    fields, kept = maps(clips, flow)
    if not kept:
        raise UnreadableData("no clip shows a face; there is no motion to probe")
    masks = scheme.box_coverage(28)
    still, _ = maps(neutral, flow)
    motion = clip_motion(fields, masks)
    return probe(
        motion.along,
        [str(c.emotion) for c in kept],
        [f"{c.dataset}/{c.subject}" for c in kept],
        scheme.names,
        emotions,
        clip_motion(still, masks).along if len(still) else None,
        rng=rng,
        method=method,
        alpha=alpha,
        bootstraps=bootstraps,
        nulls=nulls,
        controls={
            "scrambled flow": scrambled_control(fields, masks),
            "mask geometry": geometry_control(len(kept), masks),
        },
        vectors=motion.vectors,
        progress=progress,
    )


def observe_steps(bootstraps: int, nulls: int) -> int:
    """How much `observe` reports to its `progress`."""
    return steps(bootstraps, nulls, controls=2)
