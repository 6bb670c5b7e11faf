"""Reading video: files, folders, and what strangers may hand in."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import warnings
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mask.clip import Frames
from mask.errors import UnreadableVideo
from mask.video import FrameReader, PartialVideo, open_frames, probe, read_frames, read_picture

from .video_files import make_video, number_of, numbered, read_all, times, turned

GOP = {"g": "7", "bf": "2", "preset": "veryfast"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("video")


@pytest.fixture(scope="module")
def clip(folder: Path) -> Path:
    return make_video(folder / "clip.mp4", 30, options=GOP, audio=["aac"])


def test_probe(clip: Path) -> None:
    info = probe(clip)
    assert (info.width, info.height, info.fps, info.frames) == (96, 64, Fraction(25), 30)
    assert (info.rotation, info.mirrored, info.has_audio, info.codec) == (0, False, True, "h264")
    assert info.duration_s == pytest.approx(1.2)


def test_frames_come_in_order_and_once(clip: Path) -> None:
    frames = list(read_frames(clip))
    assert read_all(frames) == list(range(30))
    assert all(f.shape == (64, 96, 3) and f.dtype == np.uint8 for f in frames)
    assert np.abs(frames[9].astype(int) - numbered(9)).mean() < 3


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (0, 5), (4, 9), (28, None), (29, 50), (30, None), (99, None)])
def test_a_part(clip: Path, start: int, stop: int | None) -> None:
    assert read_all(read_frames(clip, start, stop)) == list(range(30))[start:stop]


def test_a_negative_part_is_refused(clip: Path) -> None:
    with pytest.raises(ValueError, match="negative"):
        read_frames(clip, -1)


# --- how a file asks to be shown ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "matrix",
    [
        (1, 0, 0, 1),
        (-1, 0, 0, 1),
        (1, 0, 0, -1),
        (-1, 0, 0, -1),
        (0, 1, 1, 0),
        (0, 1, -1, 0),
        (0, -1, 1, 0),
        (0, -1, -1, 0),
    ],
)
def test_every_orientation_follows_the_matrix(folder: Path, matrix: tuple[int, int, int, int]) -> None:
    source = make_video(folder / "upright.mp4", 2, options={"preset": "ultrafast"})
    stored = next(read_frames(source))
    path = turned(source, folder / "turned.mp4", matrix)
    shown, info = next(read_frames(path)), probe(path)
    a, b, c, d = matrix
    height, width = stored.shape[:2]
    places = {}
    for y in range(height):
        for x in range(width):
            places[a * x + c * y, b * x + d * y] = stored[y, x]
    left, top = min(p[0] for p in places), min(p[1] for p in places)
    expected = np.zeros_like(shown)
    assert (info.width, info.height) == (shown.shape[1], shown.shape[0])
    for (x, y), value in places.items():
        expected[y - top, x - left] = value
    np.testing.assert_array_equal(shown, expected)
    assert info.mirrored == (a * d - b * c < 0)


@pytest.mark.parametrize(("matrix", "degrees"), [((0, 1, -1, 0), 90), ((-1, 0, 0, -1), 180), ((0, -1, 1, 0), 270)])
def test_rotation_is_clockwise(folder: Path, matrix: tuple[int, int, int, int], degrees: int) -> None:
    path = turned(make_video(folder / "r.mp4", 2), folder / "rr.mp4", matrix)
    assert probe(path).rotation == degrees


# --- colour --------------------------------------------------------------------------------------------------------

WEIGHTS = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}


def yuv_to_rgb(yuv: np.ndarray, matrix: int, full: bool) -> np.ndarray:
    """The defining equations of ITU-R BT.601, BT.709 and BT.2020."""
    red, blue = WEIGHTS[matrix]
    y, u, v = yuv.astype(float)
    y, u, v = (
        (y / 255, (u - 128) / 255, (v - 128) / 255) if full else ((y - 16) / 219, (u - 128) / 224, (v - 128) / 224)
    )
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    g = (y - red * r - blue * b) / (1 - red - blue)
    return np.clip(np.stack([r, g, b], axis=-1) * 255, 0, 255)


def tagged(path: Path, matrix: int, full: bool, size: tuple[int, int] = (64, 48), fmt: str = "yuv444p") -> np.ndarray:
    """Write one lossless frame of YUV with these tags: random luma, random chroma where that is not subsampled."""
    rng = np.random.default_rng(3)
    width, height = size
    yuv = np.stack([rng.integers(40, 200, (height, width)), *rng.integers(96, 160, (2, height, width))]).astype(
        np.uint8
    )
    if fmt == "yuv420p":
        yuv[1:] = [[[113]], [[147]]]
    frame = av.VideoFrame(width, height, fmt)
    for plane, values in zip(frame.planes, yuv, strict=True):
        lines = np.zeros((plane.height, plane.line_size), np.uint8)
        lines[:, : plane.width] = values[: plane.height, : plane.width]
        plane.update(lines.tobytes())
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, fmt
        stream.codec_context.colorspace = matrix
        stream.codec_context.color_range = 2 if full else 1
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return yuv


@pytest.mark.parametrize("matrix", [1, 5, 6, 9])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("fmt", ["yuv444p", "yuv420p"])
def test_colours_follow_matrix_and_range(tmp_path: Path, matrix: int, full: bool, fmt: str) -> None:
    yuv = tagged(tmp_path / "c.mkv", matrix, full, fmt=fmt)
    got = next(read_frames(tmp_path / "c.mkv")).astype(float)
    expected = yuv_to_rgb(yuv, matrix, full)
    assert np.abs(got - expected).max() <= 1.0
    assert abs((got - expected).mean()) < 0.3
    assert probe(tmp_path / "c.mkv").colour.full == full


@pytest.mark.parametrize(("size", "matrix"), [((320, 240), 6), ((1280, 720), 1), ((720, 1280), 1)])
def test_an_untagged_file_is_read_as_players_do(tmp_path: Path, size: tuple[int, int], matrix: int) -> None:
    yuv = tagged(tmp_path / "c.mkv", 2, False, size)
    got = next(read_frames(tmp_path / "c.mkv"))
    assert np.abs(got - yuv_to_rgb(yuv, matrix, False)).max() <= 1.0


# --- random access ---------------------------------------------------------------------------------------------------


def kinds(folder: Path) -> dict[str, Path]:
    return {
        "b-frames": make_video(folder / "b.mp4", 40, options=GOP),
        "open-gop": make_video(
            folder / "o.mp4", 40, options={"x264-params": "open-gop=1:keyint=9:bframes=3:b-adapt=0"}
        ),
        "one-gop": make_video(folder / "g.mkv", 40, options={"g": "400", "bf": "3"}),
        "mpeg4-avi": make_video(folder / "m.avi", 40, codec="mpeg4", options={"g": "10"}),
        "h264-avi": make_video(folder / "h.avi", 40, options=GOP),
        "mjpeg": make_video(folder / "j.avi", 40, codec="mjpeg", pix_fmt="yuvj420p"),
        "lossless": make_video(folder / "f.mkv", 40, codec="ffv1"),
        "ts": make_video(folder / "t.ts", 40, options=GOP),
        "vp8": make_video(
            folder / "v.webm",
            40,
            codec="libvpx",
            options={"deadline": "realtime", "auto-alt-ref": "1", "lag-in-frames": "16"},
        ),
        "raw": make_video(folder / "r.h264", 40, options=GOP),
        "variable": make_video(
            folder / "p.mp4", 40, options=GOP, pts=[i * i + 3 for i in range(40)], time_base=Fraction(1, 1000)
        ),
    }


@pytest.fixture(scope="module")
def files(folder: Path) -> dict[str, Path]:
    return kinds(folder)


KINDS = [
    "b-frames",
    "open-gop",
    "one-gop",
    "mpeg4-avi",
    "h264-avi",
    "mjpeg",
    "lossless",
    "ts",
    "vp8",
    "raw",
    "variable",
]


@pytest.mark.parametrize("kind", KINDS)
def test_any_frame_in_any_order(files: dict[str, Path], kind: str) -> None:
    straight = list(read_frames(files[kind]))
    assert read_all(straight) == list(range(40))
    frames = open_frames(files[kind], max_cached=3)
    assert isinstance(frames, Frames)
    assert len(frames) == 40
    order = [
        39,
        0,
        20,
        19,
        18,
        17,
        16,
        5,
        6,
        7,
        38,
        39,
        8,
        8,
        1,
        *np.random.default_rng(1).integers(0, 40, 12).tolist(),
    ]
    for index in order:
        np.testing.assert_array_equal(frames[index], straight[index])


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the ffmpeg program: two-pass VP8 cannot be made here")
def test_packets_that_show_nothing_are_not_frames(tmp_path: Path, files: dict[str, Path]) -> None:
    options = ["-c:v", "libvpx", "-b:v", "60k", "-auto-alt-ref", "1", "-lag-in-frames", "25", "-passlogfile", "log"]
    for passing, target in (("1", ["-f", "null", "-"]), ("2", ["hidden.webm"])):
        command = ["ffmpeg", "-v", "error", "-y", "-i", str(files["lossless"]), *options, "-pass", passing, *target]
        subprocess.run(command, check=True, cwd=tmp_path)
    path = tmp_path / "hidden.webm"
    with av.open(str(path)) as container:
        packets = sum(1 for packet in container.demux(video=0) if packet.size)
    frames = open_frames(path)
    assert packets > len(frames) == 40
    assert [number_of(frames[i]) for i in (39, 3, 20)] == [39, 3, 20]


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(-40, 39), min_size=1, max_size=12))
def test_order_never_matters(files: dict[str, Path], order: list[int]) -> None:
    frames = open_frames(files["b-frames"], max_cached=4)
    assert [number_of(frames[i]) for i in order] == [i % 40 for i in order]


def test_the_cache_is_bounded_and_its_frames_read_only(files: dict[str, Path]) -> None:
    frames = open_frames(files["b-frames"], max_cached=5)
    for index in [*range(40), *range(39, -1, -1)]:
        frames[index]
        assert len(frames._cache) <= 5  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="read-only"):
        frames[0][:] = 0
    with pytest.raises(IndexError, match="frame 40 of 40"):
        frames[40]
    with pytest.raises(ValueError, match="max_cached"):
        open_frames(files["b-frames"], max_cached=0)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files the Linux way")
def test_many_sequences_keep_few_files_open(files: dict[str, Path]) -> None:
    before = len(os.listdir("/proc/self/fd"))
    many = [open_frames(files[kind], max_cached=4) for kind in KINDS for _ in range(4)]
    for _ in range(2):
        assert all(number_of(frames[7]) == 7 for frames in many)
    assert len(os.listdir("/proc/self/fd")) <= before + 8
    assert sum(len(frames._cache) for frames in many) <= 32  # type: ignore[attr-defined]


def test_frames_can_be_pickled(files: dict[str, Path]) -> None:
    frames = open_frames(files["b-frames"])
    frames[3]
    again = pickle.loads(pickle.dumps(frames))
    assert len(pickle.dumps(frames)) < 1000
    np.testing.assert_array_equal(again[17], frames[17])


# --- folders of pictures ---------------------------------------------------------------------------------------------


def test_a_folder_in_natural_order(tmp_path: Path) -> None:
    for number, name in enumerate(["f1.png", "F2.PNG", "f10.bmp", "f100.png"]):
        Image.fromarray(numbered(number)).save(tmp_path / name)
    (tmp_path / ".f3.png").write_bytes(b"hidden")
    (tmp_path / "notes.txt").write_text("not a picture")
    frames = open_frames(tmp_path)
    assert [number_of(frames[i]) for i in (3, 0, 2, 1)] == [3, 0, 2, 1]
    np.testing.assert_array_equal(frames[1], numbered(1))
    assert len(pickle.loads(pickle.dumps(frames))) == 4


def test_a_folder_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(UnreadableVideo, match="holds no pictures"):
        open_frames(tmp_path)


def test_one_picture_of_another_size(tmp_path: Path) -> None:
    Image.fromarray(numbered(0)).save(tmp_path / "0.png")
    Image.fromarray(numbered(1, 80, 64)).save(tmp_path / "1.png")
    frames = open_frames(tmp_path)
    for _ in range(2):
        with pytest.raises(UnreadableVideo, match="80 x 64 pixels and the first picture of its folder 96 x 64"):
            frames[1]


def test_pictures_of_every_kind(tmp_path: Path) -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8), (4, 1))
    Image.fromarray(ramp).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "grey.png"), np.repeat(ramp[:, :, None], 3, axis=2))
    Image.fromarray(ramp.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "deep.png")[..., 1], ramp)
    rgba = np.dstack([numbered(5), np.full((64, 96), 7, np.uint8)])
    Image.fromarray(rgba).save(tmp_path / "alpha.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "alpha.png"), numbered(5))
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a quarter turn clockwise
    Image.fromarray(numbered(5)).save(tmp_path / "turned.jpg", exif=exif, quality=98, subsampling=0)
    turned_back = np.rot90(read_picture(tmp_path / "turned.jpg"))
    assert np.abs(turned_back.astype(int) - numbered(5)).max() < 30


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp"])
def test_a_truncated_picture(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"p.{suffix}"
    noise = np.random.default_rng(0).integers(0, 255, (64, 96, 3)).astype(np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(UnreadableVideo, match="only a part"):
        read_picture(path)


def test_an_enormous_picture_is_refused_by_its_header(tmp_path: Path) -> None:
    Image.new("L", (20000, 10)).save(tmp_path / "wide.png")
    with pytest.raises(UnreadableVideo, match="20000 x 10"):
        read_picture(tmp_path / "wide.png")


# --- what is not a video ---------------------------------------------------------------------------------------------


def bad_files(folder: Path) -> None:
    whole = make_video(folder / "w.mp4", 30, options=GOP, audio=["aac"])
    (folder / "text.mp4").write_text("a text, not a video\n" * 50)
    (folder / "empty.mp4").touch()
    (folder / "head.mp4").write_bytes(whole.read_bytes()[:400])
    (folder / "list.mp4").write_text(f"ffconcat version 1.0\nfile {whole}\n")
    (folder / "list.m3u8").write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{whole}\n#EXT-X-ENDLIST\n")
    Image.fromarray(numbered(0)).save(folder / "picture.png")
    with av.open(str(folder / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    hollow = bytearray(whole.read_bytes())
    start, end = hollow.index(b"mdat") + 4, hollow.index(b"moov") - 4
    hollow[start:end] = bytes(end - start)
    (folder / "hollow.mp4").write_bytes(hollow)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("text.mp4", "not a readable video"),
        ("empty.mp4", "is empty"),
        ("head.mp4", "not a readable video"),
        ("list.mp4", "not a readable video"),
        ("list.m3u8", "not a readable video"),
        ("picture.png", "not a readable video"),
        ("sound.mp4", "audio but no video"),
        ("hollow.mp4", "no frame that can be decoded"),
        ("missing.mp4", "there is no file"),
        (".", "is a folder"),
    ],
)
def test_what_is_not_a_video(tmp_path: Path, name: str, message: str) -> None:
    bad_files(tmp_path)
    for use in (probe, FrameReader, lambda p: list(read_frames(p))):
        with pytest.raises(UnreadableVideo, match=message):
            use(tmp_path / name)
    if name != ".":
        with pytest.raises(UnreadableVideo):
            open_frames(tmp_path / name)[0]


def test_enormous_pictures_are_refused(tmp_path: Path) -> None:
    path = make_video(tmp_path / "wide.mkv", 1, size=(8200, 16), codec="ffv1")
    with pytest.raises(UnreadableVideo, match="8200 x 16"):
        probe(path)


# --- what is a video only in part ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("suffix", "told"), [("mp4", "frames"), ("mkv", "seconds")])
def test_a_truncated_file_gives_what_it_has_and_says_so(tmp_path: Path, suffix: str, told: str) -> None:
    options = {"movflags": "faststart"} if suffix == "mp4" else None
    whole = make_video(tmp_path / f"w.{suffix}", 120, options={"g": "10", "crf": "10"}, container_options=options)
    part = tmp_path / f"p.{suffix}"
    part.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.warns(PartialVideo, match=rf"p\.{suffix} is truncated or damaged: .*{told}"):
        numbers = read_all(read_frames(part))
    # Frames at the cut may lack a neighbour they are predicted from; up to there none is missing.
    assert 20 < len(numbers) < 100
    assert numbers[:-4] == list(range(len(numbers) - 4))
    frames = open_frames(part)
    with pytest.warns(PartialVideo):
        assert len(frames) == len(numbers)
    assert number_of(frames[len(frames) - 1]) == numbers[-1]


def test_damage_inside_a_file_is_told(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "w.mp4", 60, options={"g": "10", "crf": "10"})
    data = bytearray(whole.read_bytes())
    start = data.index(b"mdat") + 1500
    for place in range(start, start + 6000, 150):
        data[place] ^= 0xA5
    (tmp_path / "d.mp4").write_bytes(data)
    with FrameReader(tmp_path / "d.mp4") as reader:
        count = sum(1 for _ in reader)
    assert reader.problem is not None
    assert "damaged" in reader.problem
    assert count <= 60


def test_a_whole_file_is_not_suspected(files: dict[str, Path], clip: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for path in [*files.values(), clip]:
            with FrameReader(path) as reader:
                assert sum(1 for _ in reader) in (30, 40)
            assert reader.problem is None


def test_timestamps_of_the_file(files: dict[str, Path]) -> None:
    with FrameReader(files["variable"]) as reader:
        found = [reader.pts * reader.info.time_base for _ in reader if reader.pts is not None]
    assert found == times(files["variable"])
    assert [found[i + 1] - found[i] for i in (0, 20)] == [Fraction(1, 1000), Fraction(41, 1000)]


# --- the real thing --------------------------------------------------------------------------------------------------


@pytest.mark.shared
def test_a_real_video(face_video: Path) -> None:
    info = probe(face_video)
    assert (info.width, info.height, info.frames, info.fps) == (640, 360, 472, Fraction(24000, 1001))
    assert info.has_audio
    assert sum(1 for _ in read_frames(face_video)) == 472
    assert len(open_frames(face_video)) == 472
