"""A video in, the same video out with a sticker on every face, and a record of what was done and what was not tried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mask import __version__
from mask.clip import Frame
from mask.errors import NoFaceError
from mask.evidence import Choice
from mask.faces import FaceTracker
from mask.plan import Kinetics
from mask.sticker import AVERAGE, Pose, named, render_frame
from mask.video import probe, transcode

SCHEMA = "mask.protect/1"
NOT_TESTED = (
    "whether any recognizer is misled: run 'mask verify'",
    "people: a sticker is visible, and a person still sees the face",
    "recognizers of identity: this is no disguise",
    "a printed sticker on real skin",
)
_SEARCH_S = 0.1
"""How often the detector looks for faces that are not followed yet: the longest a new face can go without a sticker."""


@dataclass
class Tally:
    """What happened frame by frame.

    Args:
        frames: frames read.
        covered: frames by the number of faces that got a sticker.
        held: frames in which some face was hidden from the network and carried on by its texture.
        longest_gap: the longest run of frames without any face, after the first and before the last.
    """

    frames: int = 0
    covered: Counter[int] = field(default_factory=Counter)
    held: int = 0
    longest_gap: int = 0
    faces: set[int] = field(default_factory=set)
    _gap: int = 0

    def count(self, ids: list[int], held: int) -> None:
        """Count one frame."""
        self.frames += 1
        self.covered[len(ids)] += 1
        self.held += bool(held)
        if ids:
            self.longest_gap = max(self.longest_gap, self._gap if self.faces else 0)
            self._gap = 0
            self.faces.update(ids)
        else:
            self._gap += 1


def protect(
    source: Path,
    target: Path,
    choice: Choice,
    *,
    art: str = "heart",
    max_faces: int = 4,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Put a sticker on every face of a video.

    Sound, frame count, timestamps and size are kept (see `mask.video.transcode`); memory does not depend on length.

    Args:
        source, target: video files.
        choice: where to put it, and why.
        art: the drawing, by name.
        max_faces: how many faces are followed at once.

    Returns:
        The record: what was placed where, on what evidence, and what was not tested. JSON-compatible.

    Raises:
        NoFaceError: when no frame shows a face; `target` is then not written.
        UnreadableVideo: when the source cannot be decoded.
    """
    named(art)
    info = probe(source)
    tally = Tally()

    def edit(frames: Iterator[Frame]) -> Iterator[Frame]:
        yield from stickered(frames, float(info.fps), choice, art, max_faces, tally)
        if not tally.faces:
            raise NoFaceError(f"{source.name} shows no face in any of its {tally.frames} frames; nothing was written")

    done = transcode(source, target, edit, progress=progress)
    return {
        "schema": SCHEMA,
        "mask": __version__,
        "input": {"name": source.name, "frames": done.frames, "fps": float(info.fps), "problem": done.problem},
        "output": {"name": target.name, "width": info.width, "height": info.height, "audio": info.has_audio},
        "sticker": {"art": art, "kinetics": "skin", **asdict(choice.placement)},
        "evidence": {"why": choice.why, "source": choice.source, **choice.figures},
        "faces": {
            "followed": len(tally.faces),
            "frames_with_a_sticker": tally.frames - tally.covered[0],
            "frames_by_number_of_faces": {str(k): n for k, n in sorted(tally.covered.items())},
            "frames_with_a_hidden_face": tally.held,
            "longest_gap_frames": tally.longest_gap,
            "most_followed_at_once": max_faces,
        },
        "tested": "nothing yet",
        "not_tested": list(NOT_TESTED),
    }


def stickered(
    frames: Iterator[Frame], fps: float, choice: Choice, art: str, max_faces: int, tally: Tally
) -> Iterator[Frame]:
    """The frames with a sticker on each face that is followed."""
    tracker = FaceTracker(max_faces, smooth=True, fps=fps, search=_SEARCH_S)
    # No frame of a video is known to face the camera, so the sticker is a square on the average face.
    pose = Pose(choice.placement, Kinetics("skin"), AVERAGE)
    texture = named(art)
    for frame in frames:
        found = tracker.update(frame)
        tally.count([f.id for f in found], sum(f.held > 0 for f in found))
        for face in found:
            frame = render_frame(frame, texture, pose.at(face.points))
        yield frame
