"""``mask protect`` through the command line: what comes out, what is told, and what bad input leaves behind."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from skimage import data

from mask.cli.app import main
from mask.errors import NoFaceError, UsageError
from mask.evidence import choose
from mask.faces import track_clip
from mask.plan import Kinetics
from mask.protect import Tally, protect
from mask.sticker import AVERAGE, Pose
from mask.video import VideoWriter, probe, read_frames
from tests.video_files import make_video, sound, times

SIDE = 160
Run = Callable[..., tuple[int, str, str]]


def portrait() -> np.ndarray:
    """A real face that fills half of the picture; in the public domain."""
    return np.asarray(cv2.resize(data.astronaut()[0:256, 96:352], (SIDE, SIDE), interpolation=cv2.INTER_AREA))


def moving(count: int, hidden: Iterable[int] = ()) -> Iterator[np.ndarray]:
    """The face on a slow circle; grey noise in the hidden frames."""
    face, rng, away = portrait(), np.random.default_rng(0), set(hidden)
    for i in range(count):
        shift = np.float32([[1, 0, 4 * np.sin(i / 5)], [0, 1, 4 * np.cos(i / 5)]])
        frame = cv2.warpAffine(face, shift, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
        yield rng.integers(90, 110, face.shape, dtype=np.uint8) if i in away else np.asarray(frame, dtype=np.uint8)


def write(path: Path, frames: Iterable[np.ndarray], **options: object) -> Path:
    with VideoWriter(path, SIDE, SIDE, Fraction(24000, 1001), **options) as writer:  # type: ignore[arg-type]
        for frame in frames:
            writer.write(frame)
    return path


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("face") / "face.mp4", moving(16))


@pytest.fixture(scope="module")
def nobody(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("nobody") / "nobody.mp4", moving(6, range(6)))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run the command line in this process: exit code, standard output, standard error."""
    before = signal.getsignal(signal.SIGTERM)

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mask", *map(str, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        told = capfd.readouterr()
        return int(end.value.code or 0), told.out, told.err

    yield call
    signal.signal(signal.SIGTERM, before)


def one_sentence(told: str) -> str:
    """Standard error of a command that failed: one line, no traceback."""
    (line,) = told.splitlines()
    assert line.startswith("mask: ")
    return line


# --- what comes out -----------------------------------------------------------------------------------------------


def test_a_sticker_rides_on_the_face(face: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "out.mp4"
    code, said, told = run("protect", face, "-o", out, "--art", "grey", "--region", "cheek_left", "--quiet")
    assert (code, told) == (0, "")
    assert "16 frames, a grey on cheek_left" in said
    before, after = list(read_frames(face)), list(read_frames(out))
    choice = choose(0.046, region="cheek_left")
    pose = Pose(choice.placement, Kinetics("skin"), AVERAGE)
    landmarks = track_clip(before, fps=24)
    for i, (old, new) in enumerate(zip(before, after, strict=True)):
        expected = pose.at(landmarks.points[i])
        changed = np.abs(old.astype(int) - new).max(axis=2) > 24
        y, x = np.nonzero(changed)
        area = 4 * np.linalg.det(expected[:, :2]) / 2
        assert np.hypot(x.mean() - expected[0, 2], y.mean() - expected[1, 2]) < 2
        assert 0.6 * area < changed.sum() < 1.2 * area
        middle = new[round(expected[1, 2]), round(expected[0, 2])]
        assert np.abs(middle.astype(int) - 128).max() < 8


def test_the_record_says_what_was_done_and_what_was_not(face: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "out.mp4"
    code, said, _ = run("protect", face, "-o", out, "--region", "chin", "--area", "0.02", "--json", "--quiet")
    record = json.loads((tmp_path / "out.mp4.json").read_text())
    assert code == 0
    assert json.loads(said) == [record]
    assert record["schema"] == "mask.protect/1"
    assert record["input"]["sha256"] == hashlib.sha256(face.read_bytes()).hexdigest()
    assert record["output"]["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert (record["input"]["frames"], record["input"]["fps"]) == (16, "24000/1001")
    placed = record["sticker"]
    assert (placed["region"], placed["area"], placed["kinetics"], placed["art"]) == ("chin", 0.02, "skin", "heart")
    assert 0 <= placed["x"] <= 1
    assert 0 <= placed["y"] <= 1
    faces = record["faces"]
    assert (faces["followed"], faces["frames_with_a_sticker"], faces["frames_without_a_face"]) == (1, 16, 0)
    assert record["tested"] == "nothing yet"
    assert any("recognizer" in line for line in record["not_tested"])
    assert any("hand" in line for line in record["limits"])


def test_the_shipped_evidence_chooses_and_is_named(face: Path, tmp_path: Path, run: Run) -> None:
    code, _, _ = run("protect", face, "-o", tmp_path / "out.mp4", "--quiet")
    evidence = json.loads((tmp_path / "out.mp4.json").read_text())["evidence"]
    shipped = Path(sys.modules["mask.evidence"].__file__ or "").with_name("evidence.json")
    assert code == 0
    assert evidence["provenance"]["sha256"] == hashlib.sha256(shipped.read_bytes()).hexdigest()
    assert evidence["source"] == json.loads(shipped.read_text())["source"]


def test_sound_times_and_size_are_kept(tmp_path: Path, run: Run) -> None:
    """Variable frame rate and two sound tracks, under a face video's pictures."""
    stamps = [0, 3, 4, 9, 15, 16, 20, 31]
    source = make_video(
        tmp_path / "in.mkv", 8, size=(96, 64), pts=stamps, time_base=Fraction(1, 50), audio=("aac", "libopus")
    )
    with_face = tmp_path / "face.mkv"
    _replace_pictures(source, with_face, list(moving(8)))
    assert run("protect", with_face, "-o", tmp_path / "out.mkv", "--quiet")[0] == 0
    assert sound(tmp_path / "out.mkv") == sound(with_face)
    assert times(tmp_path / "out.mkv") == times(with_face)
    one, other = probe(with_face), probe(tmp_path / "out.mkv")
    assert (one.width, one.height, one.colour) == (other.width, other.height, other.colour)


def _replace_pictures(source: Path, target: Path, frames: list[np.ndarray]) -> None:
    """The same times and sound with other pictures."""
    stamps = times(source)
    unit = Fraction(1, 1000)
    with VideoWriter(target, SIDE, SIDE, 25, copy_audio_from=source, time_base=unit) as writer:
        for frame, stamp in zip(frames, stamps, strict=True):
            writer.write(frame, round(stamp / unit))


def test_a_face_in_some_frames_is_counted(tmp_path: Path, run: Run) -> None:
    source = write(tmp_path / "some.mp4", moving(40, range(12, 30)))
    code, said, told = run("protect", source, "--quiet")
    faces = json.loads((tmp_path / "some_masked.mp4.json").read_text())["faces"]
    assert (code, told) == (0, "")
    assert "no face was known in" in said
    assert faces["frames_without_a_face"] + faces["frames_with_a_sticker"] == 40
    assert 12 <= faces["frames_without_a_face"] <= 22
    assert 12 <= faces["longest_gap_frames"] <= 22
    assert (faces["first_frame"], faces["last_frame"], faces["followed"]) == (0, 39, 2)


def test_several_faces_each_get_one(tmp_path: Path, run: Run) -> None:
    pair = [np.concatenate([f, f[:, ::-1]], axis=1) for f in moving(6)]
    with VideoWriter(tmp_path / "pair.mp4", 2 * SIDE, SIDE, 25) as writer:
        for frame in pair:
            writer.write(frame)
    assert run("protect", tmp_path / "pair.mp4", "-o", tmp_path / "two.mp4", "--quiet")[0] == 0
    assert run("protect", tmp_path / "pair.mp4", "-o", tmp_path / "one.mp4", "--faces", "1", "--quiet")[0] == 0
    both, single = (json.loads((tmp_path / f"{n}.mp4.json").read_text())["faces"] for n in ("two", "one"))
    assert both["frames_by_number_of_faces"] == {"2": 6}
    assert single["frames_by_number_of_faces"] == {"1": 6}


def test_one_frame(tmp_path: Path, run: Run) -> None:
    code, said, _ = run("protect", write(tmp_path / "one.mp4", moving(1)), "--quiet")
    assert code == 0
    assert "1 frame," in said
    assert len(list(read_frames(tmp_path / "one_masked.mp4"))) == 1


def test_gaps_are_counted_between_faces_only() -> None:
    tally = Tally()
    for here in (0, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0):
        tally.count([7] * here, 0)
    told = tally.to_json()
    assert (told["longest_gap_frames"], told["first_frame"], told["last_frame"]) == (3, 2, 8)
    assert (told["frames_with_a_sticker"], told["frames_without_a_face"]) == (3, 11)


# --- several inputs -----------------------------------------------------------------------------------------------


def test_a_folder_and_a_glob(face: Path, nobody: Path, tmp_path: Path, run: Run) -> None:
    for name, source in (("a.mp4", face), ("b.mp4", nobody)):
        (tmp_path / name).write_bytes(source.read_bytes())
    (tmp_path / "notes.txt").write_text("not a video")
    out = tmp_path / "masked"
    code, said, told = run("protect", tmp_path, "-o", out, "--quiet")
    assert code == 3
    assert "a_masked.mp4: 16 frames" in said
    assert told.splitlines() == [
        "mask: b.mp4 shows no face in any of its 6 frames; nothing was written",
        "mask: 1 of 2 inputs could not be protected: they show no face",
    ]
    assert sorted(p.name for p in out.iterdir()) == ["a_masked.mp4", "a_masked.mp4.json"]
    code, _, told = run("protect", tmp_path / "[a]*.mp4", "-o", out, "--quiet")
    assert (code, "exists; choose another name, or --force" in one_sentence(told)) == (2, True)
    assert run("protect", tmp_path / "[a]*.mp4", "-o", out, "--quiet", "--force")[0] == 0


def test_a_folder_done_before_is_not_done_again(face: Path, tmp_path: Path, run: Run) -> None:
    (tmp_path / "a.mp4").write_bytes(face.read_bytes())
    assert run("protect", tmp_path, "--quiet")[0] == 0
    assert run("protect", tmp_path, "--quiet")[0] == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4", "a_masked.mp4", "a_masked.mp4.json"]


def test_one_bad_input_does_not_stop_the_others(face: Path, tmp_path: Path, run: Run) -> None:
    code, said, told = run("protect", tmp_path / "gone.mp4", face, "-o", tmp_path / "out", "--quiet")
    assert code == 1
    assert "face_masked.mp4: 16 frames" in said
    assert "there is no file" in told.splitlines()[0]


def test_two_inputs_of_one_name_are_refused_before_any_work(face: Path, tmp_path: Path, run: Run) -> None:
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.mp4").write_bytes(face.read_bytes())
    out = tmp_path / "out"
    code, _, told = run("protect", tmp_path / "x" / "a.mp4", tmp_path / "y" / "a.mp4", "-o", out, "--quiet", "--force")
    assert (code, "2 inputs would all be written to" in one_sentence(told)) == (2, True)
    assert not out.exists()


# --- bad input ----------------------------------------------------------------------------------------------------


def _bad(folder: Path, face: Path, kind: str) -> Path:
    path = folder / f"{kind}.mp4"
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("not a video\n" * 50)
    elif kind == "truncated":
        path.write_bytes(face.read_bytes()[:-2000])
    elif kind == "sound":
        source = make_video(folder / "both.mp4", 4, audio=("aac",))
        with av.open(str(source)) as whole, av.open(str(path), "w") as part:
            stream = part.add_stream_from_template(whole.streams.audio[0])
            for packet in whole.demux(audio=0):
                if packet.size:
                    packet.stream = stream
                    part.mux(packet)
        source.unlink()
    elif kind == "folder":
        path.mkdir()
    return path


@pytest.mark.parametrize(
    ("kind", "code", "sentence"),
    [
        ("missing", 1, "there is no file"),
        ("empty", 1, "is empty"),
        ("text", 1, "is not a readable video file"),
        ("truncated", 1, "or only a part of one"),
        ("sound", 1, "holds audio but no video"),
        ("folder", 2, "holds no video to protect"),
    ],
)
def test_what_is_no_video(face: Path, tmp_path: Path, run: Run, kind: str, code: int, sentence: str) -> None:
    source = _bad(tmp_path, face, kind)
    before = sorted(tmp_path.iterdir())
    got, said, told = run("protect", source, "-o", tmp_path / "new" / "out.mp4", "--quiet")
    assert (got, said) == (code, "")
    assert sentence in one_sentence(told)
    assert sorted(tmp_path.iterdir()) == before


def test_no_face_is_exit_code_three_and_writes_nothing(nobody: Path, tmp_path: Path, run: Run) -> None:
    code, _, told = run("protect", nobody, "-o", tmp_path / "out.mp4", "--quiet")
    assert (code, "shows no face in any of its 6 frames" in one_sentence(told)) == (3, True)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_video_is_done_as_far_as_it_goes_and_that_is_told(tmp_path: Path, run: Run) -> None:
    frames = [np.clip(f + np.random.default_rng(i).integers(0, 20, f.shape), 0, 255) for i, f in enumerate(moving(60))]
    whole = write(tmp_path / "whole.mkv", [f.astype(np.uint8) for f in frames])
    source = tmp_path / "part.mkv"
    source.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    code, said, told = run("protect", source, "--quiet")
    assert (code, "is truncated or damaged" in one_sentence(told)) == (0, True)
    record = json.loads((tmp_path / "part_masked.mkv.json").read_text())
    assert 5 < record["input"]["frames"] < 60
    assert record["input"]["problem"] in told
    assert f"{record['input']['frames']} frames" in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--region", "antenna"], "does not exist"),
        (["--area", "0.4"], "choose a smaller area"),
        (["--area", "0.0001"], "too small"),
        (["--region", "upper_lip"], "'upper_lip' cannot carry a sticker of 0.046"),
        (["--area", "1.5"], "between 0 and 1"),
        (["--art", "skull"], "there is no sticker 'skull'"),
        (["--hide", "boredom"], "there is no evidence about 'boredom'"),
        (["-o", "out.gif"], "the name must end in"),
    ],
)
def test_what_cannot_be_asked_for(
    face: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch, words: list[str], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said, told = run("protect", face, "--quiet", *words)
    assert (code, said) == (2, "")
    assert sentence in one_sentence(told)
    assert list(tmp_path.iterdir()) == []


def test_what_exists_is_never_overwritten_unasked(face: Path, tmp_path: Path, run: Run) -> None:
    for name in ("out.mp4", "out.mp4.json"):
        (tmp_path / name).write_text("precious")
        code, _, told = run("protect", face, "-o", tmp_path / "out.mp4", "--quiet")
        assert (code, f"{name} exists" in one_sentence(told)) == (2, True)
        assert (tmp_path / name).read_text() == "precious"
        (tmp_path / name).unlink()


def test_a_failure_under_force_keeps_the_old_file(nobody: Path, tmp_path: Path, run: Run) -> None:
    (tmp_path / "out.mp4").write_text("precious")
    assert run("protect", nobody, "-o", tmp_path / "out.mp4", "--force", "--quiet")[0] == 3
    assert [p.read_text() for p in tmp_path.iterdir()] == ["precious"]


def test_the_input_is_never_the_output(face: Path, tmp_path: Path, run: Run) -> None:
    source = tmp_path / "face.mp4"
    source.write_bytes(face.read_bytes())
    (tmp_path / "link.mp4").symlink_to(source)
    for target in (source, tmp_path / "link.mp4"):
        code, _, told = run("protect", source, "-o", target, "--force", "--quiet")
        assert (code, "is the input itself" in one_sentence(told)) == (2, True)
    assert source.read_bytes() == face.read_bytes()


def test_an_output_folder_that_cannot_be_made(face: Path, tmp_path: Path, run: Run) -> None:
    (tmp_path / "file").write_text("no folder")
    code, _, told = run("protect", face, "-o", tmp_path / "file" / "out.mp4", "--quiet")
    assert (code, "cannot write" in one_sentence(told)) == (1, True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_output_folder_that_may_not_be_written(face: Path, tmp_path: Path, run: Run) -> None:
    tmp_path.chmod(0o555)
    try:
        code, _, told = run("protect", face, "-o", tmp_path / "out.mp4", "--quiet")
    finally:
        tmp_path.chmod(0o755)
    assert (code, "permission denied" in one_sentence(told)) == (1, True)


def test_a_missing_output_folder_is_made(face: Path, tmp_path: Path, run: Run) -> None:
    assert run("protect", face, "-o", tmp_path / "a" / "b" / "out.mp4", "--quiet")[0] == 0
    assert (tmp_path / "a" / "b" / "out.mp4").is_file()


# --- stopped in the middle ----------------------------------------------------------------------------------------


def command(*words: object) -> list[str]:
    return [sys.executable, "-c", "from mask.cli.app import main; main()", "protect", *map(str, words)]


def test_a_full_disk(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: writing fails in the middle, as it would there."""
    noisy = (np.random.default_rng(i).integers(0, 40, f.shape) + f // 2 for i, f in enumerate(moving(40)))
    source = write(tmp_path / "noisy.mp4", (f.astype(np.uint8) for f in noisy))
    out = tmp_path / "out"
    limit = source.stat().st_size // 3
    done = subprocess.run(
        command(source, "-o", out / "out.mp4", "--quiet"),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.returncode == 1
    assert "cannot write" in one_sentence(done.stderr)
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    ("sent", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_leaves_nothing_half_written(tmp_path: Path, sent: signal.Signals, code: int, word: str) -> None:
    source, out = write(tmp_path / "long.mp4", moving(400)), tmp_path / "out"
    out.mkdir()
    (out / "out.mp4").write_text("precious")
    words = command(source, "-o", out / "out.mp4", "--force", "--quiet")
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        deadline = time.monotonic() + 60
        while len(list(out.iterdir())) == 1 and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(list(out.iterdir())) == 2  # The temporary file is there: the work has begun.
        child.send_signal(sent)
        _, told = child.communicate(timeout=60)
    assert child.returncode == code
    assert word in one_sentence(told)
    assert [p.read_text() for p in out.iterdir()] == ["precious"]


# --- as a library -------------------------------------------------------------------------------------------------


def test_errors_are_the_documented_ones(nobody: Path, tmp_path: Path) -> None:
    with pytest.raises(NoFaceError, match="shows no face"):
        protect(nobody, tmp_path / "out.mp4", choose(0.046, region="chin"))
    with pytest.raises(UsageError, match="these can: "):
        choose(0.046, region="antenna")


@pytest.mark.shared
def test_a_real_video_through_and_through(face_video: Path, tmp_path: Path) -> None:
    """Every frame of it, hands over the face and turns of the head included."""
    record = protect(face_video, tmp_path / "out.mp4", choose(0.046, region="cheek_right"))
    assert record["faces"]["frames_by_number_of_faces"] == {"1": 472}
    assert record["faces"]["followed"] == 1
    assert sound(tmp_path / "out.mp4") == sound(face_video)
    assert len(sound(face_video)[0]) == 923
    assert times(tmp_path / "out.mp4") == times(face_video)
    one, other = probe(face_video), probe(tmp_path / "out.mp4")
    assert (one.fps, one.width, one.height, one.colour) == (other.fps, other.width, other.height, other.colour)
    # The left third is a wall the face never reaches.
    error = [
        np.square(a[:, :210].astype(float) - b[:, :210]).mean()
        for a, b in islice(zip(read_frames(face_video), read_frames(tmp_path / "out.mp4"), strict=True), 60)
    ]
    assert 10 * np.log10(255**2 / np.mean(error)) > 41
