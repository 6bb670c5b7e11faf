"""From clips to the probe: flow maps, regional motion, and the controls that belong to them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from mask.clip import Clip
from mask.contracts import Progress, quiet
from mask.errors import NoFaceError, UnreadableData
from mask.faces import aligned, aligned_pair, clip_box
from mask.flow import flow as field
from mask.flow import flow_maps
from mask.regions import Scheme

from .discover import Method
from .lead import lead
from .lead_result import LeadResult
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
        domains=[c.dataset for c in kept],
        progress=progress,
    )


def observe_frames(
    clips: Sequence[Clip],
    emotions: Sequence[str],
    scheme: Scheme,
    *,
    rng: np.random.Generator,
    flow: str = "tvl1",
    bootstraps: int = 200,
    nulls: int = 200,
    progress: Progress = quiet,
) -> LeadResult:
    """Probe clips of frames over time: which region's motion leads which, from onset to apex.

    Args:
        clips: clips of frames; those of flow maps and those without a face are left out.
        progress: told of every clip, resample and draw, ``len(clips) + bootstraps + 2 * nulls`` in all.

    Raises:
        UnreadableData: when no clip shows a face over frames.
    """
    masks = scheme.box_coverage(28)
    fields: list[NDArray[np.float32]] = []
    kept: list[Clip] = []
    for clip in clips:
        seen = _over_time(clip, flow)
        progress(1)
        if seen is not None:
            fields.append(seen)
            kept.append(clip)
    if not kept:
        raise UnreadableData("no clip shows a face over frames; there is no motion over time to probe")
    # One axis of motion for each region over all clips and frames, so that signs agree.
    motion = np.split(clip_motion(np.concatenate(fields), masks).along, np.cumsum([len(f) for f in fields])[:-1])
    steps = [np.diff(m, axis=0) for m in motion]
    labels = [str(c.emotion) for c in kept]
    return lead(steps, labels, scheme.names, emotions, rng=rng, bootstraps=bootstraps, nulls=nulls, progress=progress)


def _over_time(clip: Clip, method: str) -> NDArray[np.float32] | None:
    """Flow from the onset to each frame up to the apex, ``float32 (T + 1, 28, 28, 2)``, or `None` where unknown."""
    if clip.flow is not None:
        return None
    try:
        box = clip_box(clip)
    except NoFaceError:
        return None
    frames = [aligned(clip.frame(i), box, SIZE) for i in range(clip.onset, clip.apex + 1)]
    maps = np.zeros((len(frames), 28, 28, 2), np.float32)
    for i in range(1, len(frames)):
        maps[i] = cv2.resize(field(frames[0], frames[i], method=method), (28, 28), interpolation=cv2.INTER_AREA)
    return maps


def observe_steps(bootstraps: int, nulls: int) -> int:
    """How much `observe` reports to its `progress`."""
    return steps(bootstraps, nulls, controls=2)
