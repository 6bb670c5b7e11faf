"""Writing and editing video: everything kept that should be, nothing half-written."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from mask.errors import MaskError, UnreadableVideo, UsageError
from mask.video import Colour, PartialVideo, VideoWriter, probe, read_frames, transcode, writable_suffix

from .video_files import make_video, number_of, numbered, read_all, sound, times, turned


def same(frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    yield from frames


def write(path: Path, count: int = 12, **options: Any) -> Path:
    with VideoWriter(path, 96, 64, 25, **options) as writer:
        for number in range(count):
            writer.write(numbered(number))
    return path


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("write")
    return make_video(folder / "source.mp4", 40, options={"g": "12", "bf": "2"}, audio=["aac", "aac"])


# --- the writer ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".mp4", ".m4v", ".mov", ".mkv"])
def test_what_is_written_can_be_read(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"o{suffix}")
    info = probe(path)
    assert (info.width, info.height, info.fps, info.codec) == (96, 64, Fraction(25), "h264")
    frames = list(read_frames(path))
    assert read_all(frames) == list(range(12))
    assert np.abs(np.stack(frames).astype(int) - np.stack([numbered(i) for i in range(12)])).mean() < 2
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("size", [(96, 64), (33, 21)])
def test_lossless_keeps_every_pixel(tmp_path: Path, suffix: str, size: tuple[int, int]) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (5, size[1], size[0], 3)).astype(np.uint8)
    with VideoWriter(tmp_path / f"o{suffix}", *size, 25, lossless=True) as writer:
        for frame in frames:
            writer.write(frame)
    np.testing.assert_array_equal(np.stack(list(read_frames(tmp_path / f"o{suffix}"))), frames)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (97, 64), (96, 63), (641, 3)])
def test_the_frame_size_is_never_touched(tmp_path: Path, size: tuple[int, int]) -> None:
    with VideoWriter(tmp_path / "o.mp4", *size, 25) as writer:
        for level in (20, 120, 220):
            writer.write(np.full((size[1], size[0], 3), level, np.uint8))
    frames = list(read_frames(tmp_path / "o.mp4"))
    assert [f.shape for f in frames] == [(size[1], size[0], 3)] * 3
    assert [round(float(f.mean()), -1) for f in frames] == [20, 120, 220]


@pytest.mark.parametrize(
    "colour", [None, Colour(1, False, 1, 1), Colour(6, False, 6, 6), Colour(1, True, 1, 13), Colour(9, False, 9, 16)]
)
def test_colours_survive(tmp_path: Path, colour: Colour | None) -> None:
    rng = np.random.default_rng(0)
    picture = np.kron(rng.integers(40, 210, (2, 3, 3)), np.ones((32, 32, 1))).astype(np.uint8)
    with VideoWriter(tmp_path / "o.mp4", 96, 64, 25, colour=colour, quality=1) as writer:
        writer.write(picture)
    got = next(read_frames(tmp_path / "o.mp4")).astype(int)
    inside = np.tile(np.pad(np.ones((24, 24), bool), 4), (2, 3))
    assert np.abs(got - picture)[inside].max() <= 4
    assert abs((got - picture)[inside].mean()) < 0.9
    if colour is not None:
        assert probe(tmp_path / "o.mp4").colour == colour


def test_no_darkening_over_generations(tmp_path: Path) -> None:
    picture = np.random.default_rng(1).integers(60, 190, (64, 96, 3)).astype(np.uint8)
    picture = np.kron(picture[::4, ::4], np.ones((4, 4, 1))).astype(np.uint8)
    shown = picture
    for _ in range(5):
        with VideoWriter(tmp_path / "o.mp4", 96, 64, 25, quality=0) as writer:
            writer.write(shown)
        shown = next(read_frames(tmp_path / "o.mp4"))
    assert abs(shown.mean() - picture.mean()) < 0.3


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"path": "o.txt"}, UsageError, "must end in .mp4"),
        ({"path": "no/o.mp4"}, MaskError, "folder does not exist"),
        ({"path": "d.mp4"}, UsageError, "is a folder"),
        ({"width": 0}, ValueError, "0 x 64"),
        ({"height": 20000}, ValueError, "96 x 20000"),
        ({"fps": 0}, ValueError, "0 frames/s"),
        ({"fps": -5}, ValueError, "-5 frames/s"),
        ({"fps": float("nan")}, ValueError, "nan frames/s"),
        ({"fps": float("inf")}, ValueError, "inf frames/s"),
        ({"quality": 52}, ValueError, "quality 52"),
        ({"copy_audio_from": "none.mp4"}, UnreadableVideo, "there is no file"),
    ],
)
def test_what_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d.mp4").mkdir()
    given = {"path": "o.mp4", "width": 96, "height": 64, "fps": 25, **options}
    with pytest.raises(error, match=message):
        VideoWriter(given.pop("path"), given.pop("width"), given.pop("height"), given.pop("fps"), **given)
    assert os.listdir(tmp_path) == ["d.mp4"]


@pytest.mark.parametrize(
    "frame",
    [np.zeros((64, 96, 3), np.float32), np.zeros((64, 96), np.uint8), np.zeros((96, 64, 3), np.uint8), [[0]], None],
)
def test_a_wrong_frame_is_refused_and_nothing_left(tmp_path: Path, frame: Any) -> None:
    writer = VideoWriter(tmp_path / "o.mp4", 96, 64, 25)
    writer.write(numbered(0))
    with pytest.raises(ValueError, match="expected uint8 RGB of shape"), writer:
        writer.write(frame)
    assert os.listdir(tmp_path) == []


def test_no_frame_no_file(tmp_path: Path) -> None:
    with pytest.raises(MaskError, match="no frame was written"), VideoWriter(tmp_path / "o.mp4", 96, 64, 25):
        pass
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_old_file_survives_a_failure(tmp_path: Path, error: type[BaseException]) -> None:
    path = write(tmp_path / "o.mp4")
    before = path.read_bytes()
    writer = VideoWriter(path, 96, 64, 25)
    writer.write(numbered(1))
    with pytest.raises(error), writer:
        raise error
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["o.mp4"]


def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    path = write(tmp_path / "o.mp4")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "usual").stat().st_mode)


def test_a_closed_writer(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "o.mp4", 96, 64, 25)
    writer.write(numbered(0))
    writer.close()
    writer.close()
    with pytest.raises(ValueError, match="closed"):
        writer.write(numbered(1))


def test_timestamps_that_do_not_rise_keep_their_frames(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "o.mp4", 96, 64, 25, time_base=Fraction(1, 1000)) as writer:
        for number, pts in enumerate([0, 40, 40, 30, None, 500]):
            writer.write(numbered(number), pts)
    assert read_all(read_frames(tmp_path / "o.mp4")) == list(range(6))
    assert times(tmp_path / "o.mp4") == [Fraction(t, 1000) for t in (0, 40, 41, 42, 82, 500)]


LIMITED = """
import resource, signal, sys
from mask.errors import MaskError
from mask.video import transcode
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    transcode(sys.argv[1], sys.argv[2], lambda frames: frames)
except MaskError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are a POSIX matter")
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_file_that_cannot_grow_is_told_and_removed(tmp_path: Path, source: Path, suffix: str) -> None:
    command = [sys.executable, "-c", LIMITED, str(source), str(tmp_path / f"o{suffix}")]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert f"cannot write {tmp_path / f'o{suffix}'}: " in told
    assert os.listdir(tmp_path) == []


# --- editing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_everything_is_kept(tmp_path: Path, source: Path, suffix: str) -> None:
    target = tmp_path / f"o{suffix}"
    done = transcode(source, target, same)
    assert (done.frames, done.problem) == (40, None)
    assert read_all(read_frames(target)) == list(range(40))
    assert sound(target) == sound(source)
    assert [len(s) > 50 for s in sound(source)] == [True, True]
    # Matroska counts milliseconds from zero, so sound that starts before the picture moves both by the same time.
    moved = [a - b for a, b in zip(times(target), times(source), strict=True)]
    assert max(moved) - min(moved) <= Fraction(1, 1000)
    assert suffix == ".mkv" or set(moved) == {0}
    assert probe(target).fps == probe(source).fps
    assert probe(target).colour == probe(source).colour


def test_variable_rate_and_a_late_start_are_kept(tmp_path: Path) -> None:
    stamps = [500 + 10 * i + i * i for i in range(30)]
    path = make_video(tmp_path / "v.mp4", 30, pts=stamps, time_base=Fraction(1, 1000), audio=["aac"])
    transcode(path, tmp_path / "o.mp4", same)
    assert times(tmp_path / "o.mp4") == times(path)
    assert times(path)[0] == Fraction(1, 2)
    assert sound(tmp_path / "o.mp4") == sound(path)


def test_sound_beside_frames_written_one_by_one(tmp_path: Path) -> None:
    stamps = [500 + 40 * i for i in range(20)]
    path = make_video(tmp_path / "late.mp4", 20, pts=stamps, time_base=Fraction(1, 1000), audio=["aac"])
    write(tmp_path / "o.mp4", 20, copy_audio_from=path)
    # The first picture keeps its distance to the sound.
    assert [float(t) for t in times(tmp_path / "o.mp4")] == pytest.approx([float(t) for t in times(path)], abs=1e-4)
    assert sound(tmp_path / "o.mp4") == sound(path)


def test_a_rotation_is_carried_out(tmp_path: Path, source: Path) -> None:
    path = turned(source, tmp_path / "turned.mp4", (0, 1, -1, 0))
    transcode(path, tmp_path / "o.mp4", same)
    info = probe(tmp_path / "o.mp4")
    assert (info.width, info.height, info.rotation) == (64, 96, 0)
    shown, copied = (next(read_frames(p)).astype(int) for p in (path, tmp_path / "o.mp4"))
    assert np.abs(shown - copied).mean() < 2


def test_oblong_pixels_are_kept(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "s.mp4", 96, 64, 25, pixel_aspect=Fraction(16, 15)) as writer:
        writer.write(numbered(0))
    transcode(tmp_path / "s.mp4", tmp_path / "o.mp4", same)
    assert probe(tmp_path / "o.mp4").pixel_aspect == Fraction(16, 15)


def test_a_file_can_replace_itself(tmp_path: Path, source: Path) -> None:
    path = tmp_path / "p.mp4"
    path.write_bytes(source.read_bytes())
    transcode(path, path, lambda frames: (255 - f for f in frames))
    assert [number_of(255 - f) for f in read_frames(path)] == list(range(40))
    assert sound(path) == sound(source)
    assert os.listdir(tmp_path) == ["p.mp4"]


def test_places_and_titles_are_left_behind(tmp_path: Path) -> None:
    secret = {"location": "+48.1000+011.5000/", "title": "at home", "com.apple.quicktime.location.ISO6709": "+48+011/"}
    path = make_video(tmp_path / "g.mov", 3, metadata=secret, container_options={"movflags": "use_metadata_tags"})
    with av.open(str(path)) as container:
        assert "at home" in container.metadata.values()
    for name in ("o.mp4", "o.mov", "o.mkv"):
        transcode(path, tmp_path / name, same)
        data = (tmp_path / name).read_bytes()
        assert b"48.1" not in data
        assert b"+48" not in data
        assert b"at home" not in data


def test_sound_a_container_cannot_hold(tmp_path: Path) -> None:
    path = make_video(tmp_path / "u.avi", 5, codec="mpeg4", audio=["pcm_u8"])
    with pytest.raises(UsageError, match=r"sound of u.avi \(pcm_u8\) cannot be kept in a .mp4 file; write a .mkv"):
        transcode(path, tmp_path / "o.mp4", same)
    assert os.listdir(tmp_path) == ["u.avi"]
    target = tmp_path / f"o{writable_suffix(path)}"
    transcode(path, target, same)
    assert sound(target) == sound(path)


def test_a_truncated_source_is_told(tmp_path: Path) -> None:
    whole = make_video(
        tmp_path / "w.mp4", 90, options={"g": "10", "crf": "10"}, container_options={"movflags": "faststart"}
    )
    (tmp_path / "p.mp4").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.warns(PartialVideo, match="p.mp4 is truncated"):
        done = transcode(tmp_path / "p.mp4", tmp_path / "o.mp4", same)
    assert done.problem is not None
    assert len(list(read_frames(tmp_path / "o.mp4"))) == done.frames > 10


def ahead(frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    waiting: deque[np.ndarray] = deque()
    for frame in frames:
        waiting.append(frame)
        if len(waiting) > 25:
            yield waiting.popleft()
    yield from waiting


def test_an_edit_may_look_ahead(tmp_path: Path, source: Path) -> None:
    counted: list[int] = []
    transcode(source, tmp_path / "o.mp4", ahead, progress=counted.append)
    assert read_all(read_frames(tmp_path / "o.mp4")) == list(range(40))
    assert times(tmp_path / "o.mp4") == times(source)
    assert sum(counted) == 40


def fails(frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    for number, frame in enumerate(frames):
        if number == 15:
            raise RuntimeError("the edit failed")
        yield frame


def interrupted(frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    for number, frame in enumerate(frames):
        if number == 15:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        yield frame


EDITS: list[tuple[Callable[[Iterator[np.ndarray]], Iterator[np.ndarray]], type[BaseException], str]] = [
    (fails, RuntimeError, "the edit failed"),
    (interrupted, KeyboardInterrupt, "^$"),
    (lambda frames: (f for i, f in enumerate(frames) if i % 2), MaskError, "fewer frames"),
    (lambda frames: (f for i, f in enumerate(frames) if i != 39), MaskError, "fewer frames"),
    (lambda frames: (next(frames) for _ in range(10)), MaskError, "fewer frames"),
    (lambda frames: (f for f in frames for _ in range(2)), MaskError, "more frames"),
    (lambda frames: (f.astype(float) for f in frames), ValueError, "expected uint8 RGB"),
    (lambda frames: (f[::2] for f in frames), ValueError, "expected uint8 RGB"),
]


@pytest.mark.parametrize(("edit", "error", "message"), EDITS)
def test_a_failing_edit_leaves_nothing(
    tmp_path: Path, source: Path, edit: Any, error: type[BaseException], message: str
) -> None:
    threads = threading.active_count()
    with pytest.raises(error, match=message):
        transcode(source, tmp_path / "o.mp4", edit)
    assert os.listdir(tmp_path) == []
    assert threading.active_count() == threads
