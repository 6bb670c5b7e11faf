"""``mask verify``: known readers on known changes, and what cannot be compared."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from mask.clip import Clip
from mask.contracts import Prediction, Recognizer
from mask.errors import NoFaceError, UsageError
from mask.faces import find_face
from mask.verify import NOT_TESTED, verify
from mask.video import VideoWriter
from tests.test_protect import SIDE, Run, moving, nobody, one_sentence, run, write

__all__ = ["nobody", "run"]

FRAMES = 25
"""Two windows of 12 frames at 23.976 frames/s, and one frame left over."""


def spotted(frames: Iterator[np.ndarray], since: int = 0) -> Iterator[np.ndarray]:
    """A green disc on a fixed place of the cheek from some frame on."""
    for i, frame in enumerate(frames):
        if i >= since:
            x, y = find_face(frame)[0][50, :2]
            cv2.circle(frame, (round(float(x)), round(float(y))), 12, (20, 230, 20), -1)
        yield frame


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("verify") / "original.mp4", moving(FRAMES))


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("verify") / "masked.mp4", spotted(moving(FRAMES), since=12))


class Green(Recognizer):
    """Says ``marked`` where the apex frame holds saturated green, ``plain`` elsewhere."""

    name, labels, reads = "green", ("plain", "marked"), "pair"

    def predict(self, clips: Sequence[Clip]) -> Prediction:
        share = [self._share(c.frame(c.apex)) for c in clips]
        return Prediction(self.labels, np.array([[1 - s, s] for s in share]), ("ok",) * len(clips))

    def _share(self, frame: np.ndarray) -> float:
        seen = frame.astype(int)
        return 0.9 if ((seen[..., 1] > 150) & (seen[..., 0] < 90)).sum() > 50 else 0.2


class Silent(Green):
    """Never answers."""

    name = "silent"

    def predict(self, clips: Sequence[Clip]) -> Prediction:
        return Prediction(self.labels, np.full((len(clips), 2), np.nan), ("refused",) * len(clips))


def test_a_reader_of_the_sticker_changes_where_there_is_one(original: Path, masked: Path) -> None:
    done: list[int] = []
    told = verify(original, masked, [Green()], progress=done.append)
    (green,) = told["recognizers"]
    assert (told["windows"], told["windows_without_a_face_throughout"]) == (2, 0)
    assert (green["read"], green["changed"], green["changed_control"]) == (2, 1, 0)
    assert green["readings_original"] == {"plain": 2}
    assert green["readings_masked"] == {"marked": 1, "plain": 1}
    assert green["probability_original"] == pytest.approx(0.8)
    assert green["probability_control"] == pytest.approx(0.8)
    assert green["probability_masked"] == pytest.approx((0.8 + 0.1) / 2)
    assert 0 < green["changed_ci95"][0] < 1 / 2 < green["changed_ci95"][1] < 1
    assert told["not_tested"] == list(NOT_TESTED)
    assert any("no labels" in line for line in told["not_tested"])
    assert 2 * FRAMES - 12 < sum(done) <= 2 * FRAMES


def test_a_silent_recognizer_counts_as_nothing(original: Path, masked: Path) -> None:
    told = verify(original, masked, [Silent()])
    (silent,) = told["recognizers"]
    assert (silent["read"], silent["unanswered_original"], silent["changed"]) == (0, 2, 0)
    assert silent["changed_share"] is None
    assert silent["probability_original"] is None
    json.dumps(told, allow_nan=False)


def test_windows_without_a_face_are_left_out_and_counted(tmp_path: Path, masked: Path) -> None:
    source = write(tmp_path / "some.mp4", moving(FRAMES, range(12, 20)))
    told = verify(source, source, [Green()])
    assert (told["windows"], told["windows_without_a_face_throughout"]) == (2, 1)
    assert told["recognizers"][0]["changed"] == 0


def test_what_are_not_versions_of_one_video(original: Path, tmp_path: Path, nobody: Path) -> None:
    frames = list(moving(FRAMES))
    short = write(tmp_path / "short.mp4", frames[:20])
    with pytest.raises(UsageError, match="differ in length"):
        verify(original, short, [Green()])
    with pytest.raises(UsageError, match=r"shorter than the 0\.5 seconds"):
        verify(nobody, nobody, [Green()])
    with VideoWriter(tmp_path / "wide.mp4", 2 * SIDE, SIDE, 24) as writer:
        writer.write(np.concatenate([frames[0]] * 2, axis=1))
    with pytest.raises(UsageError, match=r"is 160 x 160 pixels and wide\.mp4 320 x 160"):
        verify(original, tmp_path / "wide.mp4", [Green()])
    empty = write(tmp_path / "empty.mp4", moving(FRAMES, range(FRAMES)))
    with pytest.raises(NoFaceError, match="nothing to read"):
        verify(empty, empty, [Green()])


def test_the_command(original: Path, masked: Path, tmp_path: Path, run: Run) -> None:
    """An untrained network reads something; what matters is what is told, and when the exit code is 100."""
    model = "ststnet:flow=farneback,size=56"
    code, said, told = run("verify", original, masked, "--recognizer", model, "--json", "--quiet", "--require", "0")
    (found,) = json.loads(said)["recognizers"]
    assert (code, told, found["windows"]) == (0, "", 2)
    same, said, told = run("verify", original, original, "--recognizer", model, "--quiet", "--require", "0.01")
    assert (same, "0.01 of the readings were required to change; 0.00 did" in one_sentence(told)) == (100, True)
    assert "no evidence that the sticker changes more readings" in said
    assert "a video has no labels" in said
    for words, exit_code, sentence in (
        ((original, tmp_path / "gone.mp4", "--recognizer", model), 1, "there is no file"),
        ((original, masked, "--recognizer", "oracle"), 2, "oracle"),
        ((original, masked, "--recognizer", model, "--require", "7"), 2, "between 0 and 1"),
    ):
        code, said, told = run("verify", *words, "--quiet")
        assert (code, said) == (exit_code, "")
        assert sentence in one_sentence(told)
