"""A video in, the same video out with a sticker on every face, and a record of what was done and what was not tried."""

from __future__ import annotations

import hashlib
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
    "recognizers trained on people who wear such stickers: one chosen for an emotion tells it to them",
)
_SEARCH_S = 0.2
"""How often the detector looks for faces that are not followed yet: the longest a new face can go without a sticker."""
LIMITS = (
    "the sticker is drawn over whatever passes in front of the face: a hand or hair does not cover it, as it would a "
    "real one",
    f"a face that joins others may go without a sticker for {_SEARCH_S} s",
    "faces smaller than about an eighth of the frame are looked for only while nobody is followed, and faces in "
    "profile may not be known as faces",
)


@dataclass
class Tally:
    """What happened frame by frame.

    Args:
        frames: frames read.
        covered: frames by the number of faces that got a sticker.
        held: frames in which some face was hidden from the network and carried on by its texture.
        longest_gap: the longest run of frames without any face, after the first and before the last.
        first, last: the first and the last frame with a face, counted from 0.
        faces: the numbers of the faces followed; who leaves and comes back gets a new one.
    """

    frames: int = 0
    covered: Counter[int] = field(default_factory=Counter)
    held: int = 0
    longest_gap: int = 0
    first: int | None = None
    last: int | None = None
    faces: set[int] = field(default_factory=set)

    def count(self, ids: list[int], held: int) -> None:
        """Count one frame."""
        if ids:
            if self.last is not None:
                self.longest_gap = max(self.longest_gap, self.frames - self.last - 1)
            self.first = self.frames if self.first is None else self.first
            self.last = self.frames
            self.faces.update(ids)
        self.frames += 1
        self.covered[len(ids)] += 1
        self.held += bool(held)

    def to_json(self) -> dict[str, Any]:
        """The tally as plain data."""
        return {
            "followed": len(self.faces),
            "frames_with_a_sticker": self.frames - self.covered[0],
            "frames_without_a_face": self.covered[0],
            "frames_by_number_of_faces": {str(k): n for k, n in sorted(self.covered.items())},
            "frames_with_a_hidden_face": self.held,
            "first_frame": self.first,
            "last_frame": self.last,
            "longest_gap_frames": self.longest_gap,
        }


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
        progress: called with the number of frames written since the last call.

    Returns:
        The record: what was placed where, on what evidence, and what was not tested. JSON-compatible.

    Raises:
        NoFaceError: when no frame shows a face; `target` is then not written.
        UnreadableVideo: when the source cannot be decoded.
        MaskError: when the target cannot be written.

    Warns:
        PartialVideo: for a source that could be read only in part.
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
        "input": {
            "name": source.name,
            "sha256": _sha256(source),
            "frames": done.frames,
            "fps": str(info.fps),
            "problem": done.problem,
        },
        "output": {
            "name": target.name,
            "sha256": _sha256(target),
            "width": info.width,
            "height": info.height,
            "audio": info.has_audio,
        },
        "sticker": {"art": art, "kinetics": "skin", **asdict(choice.placement)},
        "coordinates": "x, y: the centre in the face box, 0 to 1, left and right as seen in the picture; area: the "
        "share of the face box; angle: degrees clockwise",
        "evidence": {
            "why": choice.why,
            "source": choice.source,
            **choice.figures,
            "provenance": dict(choice.provenance),
        },
        "faces": {**tally.to_json(), "most_followed_at_once": max_faces},
        "limits": list(LIMITS),
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


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
