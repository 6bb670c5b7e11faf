"""A spotted apex: near the true one on faces whose apex is known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mask import registry
from mask.clip import Dataset
from mask.data import _apex
from mask.data._apex import spot

from .data_files import casme2


@pytest.fixture(scope="module")
def faces() -> Dataset:
    dataset: Dataset = registry.create("datasets", "synthetic:subjects=1,emotions=3,repeats=1,size=128,seed=5")
    return dataset


def test_a_drifting_head_does_not_carry_the_apex_away(faces: Dataset) -> None:
    """Real apexes of rendered faces that turn, blink and breathe: within a tenth of the clip on the whole."""
    away = []
    for clip in faces:
        frames = np.stack([clip.frame(i) for i in range(clip.onset, clip.offset + 1)])
        found = spot(frames)
        assert found is not None
        away.append(abs(clip.onset + found - clip.apex) / len(frames))
    assert np.mean(away) < 0.1
    assert np.max(away) < 0.3


def test_a_still_face_that_moves_once(faces: Dataset) -> None:
    """The one frame that differs is the apex, wherever it stands."""
    clip = faces.clips[0]
    for place in (2, 5, 8):
        frames = np.stack([clip.frame(clip.onset)] * 11)
        frames[place] = clip.frame(clip.apex)
        assert spot(frames) == place


def test_a_steady_shift_is_no_expression(faces: Dataset) -> None:
    """A face that slides by a fifth of a pixel per frame and moves in frame 4 has its apex there and not at the end."""
    clip = faces.clips[0]
    still, moved = clip.frame(clip.onset), clip.frame(clip.apex)
    frames = [
        cv2.warpAffine(moved if i == 4 else still, np.float32([[1, 0, 0.2 * i], [0, 1, 0.1 * i]]), still.shape[1::-1])
        for i in range(14)
    ]
    assert spot(np.stack(frames)) == 4


def test_without_a_face_or_with_one_frame_there_is_none() -> None:
    assert spot(np.zeros((5, 64, 64, 3), np.uint8)) is None
    assert spot(np.zeros((1, 64, 64, 3), np.uint8)) is None


def test_long_clips_are_looked_at_in_steps(faces: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = faces.clips[0]
    frames = np.stack([clip.frame(clip.onset)] * 20 + [clip.frame(clip.apex)] * 6 + [clip.frame(clip.onset)] * 20)
    monkeypatch.setattr(_apex, "_MOST", 12)
    assert 20 <= (spot(frames) or 0) <= 25


def test_a_dataset_says_which_apexes_were_spotted(
    faces: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = faces.clips[0]
    count = clip.offset - clip.onset + 1
    rows = [("01", "A", 1, "/", count, 12, "happiness"), ("02", "B", 1, 2, 3, 4, "disgust")]
    root = casme2(tmp_path / "set", [*rows, ("03", "C", 1, None, 4, 4, "disgust")])
    folder = root / "CASME2_RAW_selected/sub01/A"
    for i in range(count):
        Image.fromarray(clip.frame(clip.onset + i)).save(folder / f"img{i + 1}.jpg", quality=95)
    monkeypatch.setenv("MASK_CACHE", str(tmp_path / "cache"))
    dataset = registry.create("datasets", f"casme2:{root},apex=spotted")
    told = dataset.card["apex"]
    assert (told["asked"], told["annotated"]) == ("spotted", 1)
    assert told["spotted"] == ["casme2/sub01/A/1"]
    assert told["midpoint"] == ["casme2/sub03/C/1"], "no face in those pictures"
    assert abs(dataset.clips[0].apex - (clip.apex - clip.onset)) <= 0.1 * count
    monkeypatch.setattr(_apex, "_spot", None)
    again = registry.create("datasets", f"casme2:{root},apex=spotted")
    assert [c.apex for c in again] == [c.apex for c in dataset]
    assert again.card["apex"] == told
