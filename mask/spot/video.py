"""Long videos with several expressions in them, and how a dataset of clips tells what its long videos are.

A dataset lists expressions as clips. Where the frames of a clip are a part of something longer, a folder of pictures or
another sequence (`Cut`), that is the long video, and the clips cut from it are its annotation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mask.clip import Clip, Dataset, Frame, Frames, Landmarks, Points
from mask.errors import UnreadableData, UsageError
from mask.faces import TrackedLandmarks
from mask.video import open_frames, probe

from .cut import Cut
from .interval import Interval

USUAL_FPS = 30.0
"""What a video that does not tell its rate is taken to run at."""


@dataclass(frozen=True, eq=False)
class LongVideo:
    """A video to spot expressions in.

    Args:
        key: unique, as ``dataset/subject/file``.
        subject: who is seen.
        frames: RGB frames, read when they are looked at.
        landmarks: mesh points per frame.
        fps: frames per second.
        truth: the annotated expressions; `None` where nobody annotated the video.
        dataset: the adapter's name.
        synthetic: whether the face belongs to nobody.
    """

    key: str
    subject: str
    frames: Frames
    landmarks: Landmarks
    fps: float
    truth: tuple[Interval, ...] | None = None
    dataset: str = "video"
    synthetic: bool = False

    def __len__(self) -> int:
        return len(self.frames)

    def frame(self, index: int) -> Frame:
        """Frame `index`, ``uint8 (H, W, 3)``."""
        return self.frames[index]

    def points(self, index: int) -> Points | None:
        """Mesh points of a frame, `None` where there is no face."""
        return self.landmarks[index]

    def cut(self, interval: Interval, margin: int = 0) -> Clip:
        """An expression as a clip that recognizers and attacks take, with `margin` frames on either side."""
        first = max(interval.onset - margin, 0)
        count = min(interval.offset + margin, len(self) - 1) - first + 1
        return Clip(
            key=f"{self.key}/{interval.onset}",
            subject=self.subject,
            emotion=interval.emotion,
            dataset=self.dataset,
            frames=Cut(self.frames, first, count),
            landmarks=Cut(self.landmarks, first, count),
            fps=self.fps,
            onset=interval.onset - first,
            apex=interval.apex - first,
            offset=interval.offset - first,
            synthetic=self.synthetic,
        )


@dataclass(frozen=True)
class LongVideos:
    """Long videos that belong together.

    Args:
        name: the spec they were loaded from, without private paths.
        videos: in a fixed order.
        emotions: the label set by name.
        card: where they come from. JSON-compatible.
    """

    name: str
    videos: tuple[LongVideo, ...]
    emotions: tuple[str, ...]
    card: Mapping[str, Any] = field(default_factory=dict)

    @property
    def subjects(self) -> tuple[str, ...]:
        """Every subject once, sorted."""
        return tuple(sorted({v.subject for v in self.videos}))


def from_file(path: Path) -> LongVideo:
    """A video file, or a folder of pictures, that nobody annotated.

    Raises:
        UnreadableVideo: when it cannot be read.
    """
    fps = USUAL_FPS if path.is_dir() else float(probe(path).fps)
    frames = open_frames(path)
    return LongVideo(f"video/unknown/{path.name}", "unknown", frames, TrackedLandmarks(frames, fps), fps)


def long_videos(dataset: Dataset) -> LongVideos:
    """The long videos that the clips of a dataset were cut from.

    A video without any annotated expression is not among them: no clip tells of it.

    Raises:
        UsageError: when clips are all there is, or the dataset leaves out expressions by their label, so that finding
            one of those would count as false.
    """
    if dropped := dataset.card.get("dropped"):
        left = ", ".join(f"{n} {e}" for e, n in dropped.items())
        raise UsageError(
            f"{dataset.name} leaves out expressions by their label ({left}), and a spotter that finds one would be "
            "counted wrong; load it with classes=native or classes=objective"
        )
    groups: dict[str, list[tuple[Clip, Interval]]] = {}
    wholes: dict[str, tuple[Frames, Landmarks]] = {}
    for clip in dataset.clips:
        if clip.frames is None:
            raise UsageError(f"{dataset.name} holds flow maps; spotting needs the frames of long videos")
        key, (onset, apex, offset) = _place(clip, wholes)
        try:
            truth = Interval(onset, min(max(apex, onset), offset), offset, clip.emotion)
        except ValueError as error:
            raise UnreadableData(f"{clip.key}: {error}") from error
        groups.setdefault(key, []).append((clip, truth))
    videos = tuple(_video(key, *wholes[key], clips) for key, clips in groups.items())
    if all(len(t) >= 0.9 * len(v) for v in videos for t in v.truth or ()):
        raise UsageError(
            f"the clips of {dataset.name} are cut from their videos: each is one expression from its first frame to "
            "its last, and there is nothing to spot. Give long videos (samm-long, casme-sq, casme3, synthetic-long)"
        )
    return LongVideos(dataset.name, videos, dataset.emotions, dict(dataset.card))


def _place(clip: Clip, wholes: dict[str, tuple[Frames, Landmarks]]) -> tuple[str, tuple[int, ...]]:
    """The video a clip was cut from, by its key, and where in it onset, apex and offset lie."""
    frames: Any = clip.frames
    times = (clip.onset, clip.apex, clip.offset)
    sources: Sequence[Path] = getattr(frames, "sources", ())
    if isinstance(frames, Cut):
        landmarks: Any = clip.landmarks
        key = clip.key.rsplit("/", 1)[0]
        wholes.setdefault(key, (frames.whole, landmarks.whole))
        return key, tuple(frames.first + t for t in times)
    if len(sources) > 1:
        folder = sources[0].parent
        key = f"{clip.dataset}/{clip.subject}/{folder.parent.name}_{folder.name}"
        if key not in wholes:
            whole = open_frames(folder)
            wholes[key] = whole, TrackedLandmarks(whole, clip.fps or USUAL_FPS)
        # Pictures may be missing, in the clip as well as in the video, so that only their names tell.
        there: Any = wholes[key][0]
        index = {p.name: i for i, p in enumerate(there.sources)}
        return key, tuple(index[sources[t].name] for t in times)
    wholes[clip.key] = frames, clip.landmarks or TrackedLandmarks(frames, clip.fps or USUAL_FPS)
    return clip.key, times


def _video(key: str, frames: Frames, landmarks: Landmarks, clips: Sequence[tuple[Clip, Interval]]) -> LongVideo:
    one = clips[0][0]
    return LongVideo(
        key=key,
        subject=one.subject,
        frames=frames,
        landmarks=landmarks,
        fps=one.fps or USUAL_FPS,
        truth=tuple(sorted((t for _, t in clips), key=lambda t: t.onset)),
        dataset=one.dataset,
        synthetic=one.synthetic,
    )
