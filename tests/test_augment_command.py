"""``mask data augment``: files that can be read again, a sheet to look at, and nothing written for a wrong request."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from mask import registry
from mask.augment._write import COLUMNS, claim, write
from mask.augment.driven import Driven
from mask.augment.local_static_face_mix import LocalStaticFaceMix
from mask.augment.magnify import Magnify
from mask.cli.app import main
from mask.clip import Clip
from mask.errors import NoFaceError, UsageError
from tests.augment_clips import moved_clip

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in this process: exit code, standard output, standard error."""

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mask", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        told = capsys.readouterr()
        return int(end.value.code or 0), told.out, told.err

    return call


def people() -> list[Clip]:
    return [
        moved_clip(f"s{s}/{e}", np.full((96, 96, 2), 0.5 * s), e, seed=s, steps=(0, 0.5, 1))
        for s in range(3)
        for e in ("calm", "moved")
    ]


def test_what_is_written_is_what_was_made(tmp_path: Path) -> None:
    clips = people()
    made = [
        *LocalStaticFaceMix(probability=1.0, copies=1).make(clips, 0),
        *Magnify(2.0).make(clips[:2], 0),
        *Driven(clips=4).make(clips, 0),
    ]
    done: list[int] = []
    assert write(made, clips, tmp_path, done.append) == []
    assert sum(done) == len(made)
    back = registry.create("datasets", f"folder:{tmp_path}")
    assert len(back) == len(made)
    for read, clip in zip(back.clips, made, strict=True):
        assert (read.subject, read.emotion, read.fps) == (clip.subject, clip.emotion, clip.fps)
        assert (read.onset, read.apex, read.offset) == (clip.onset, clip.apex, clip.offset)
        assert read.synthetic == clip.synthetic
        assert all(np.array_equal(read.frame(i), clip.frame(i)) for i in range(len(clip.frames or ())))
    with (tmp_path / "annotations.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == COLUMNS
    assert [json.loads(r["made_from"]) for r in rows] == [list(c.truth["made_from"]) for c in made]
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet.shape[0] > 10 * 150
    assert sheet.std() > 20


def test_what_shows_no_face_is_told_and_left_out(tmp_path: Path) -> None:
    class Lost:
        def __len__(self) -> int:
            return 3

        def __getitem__(self, index: int, /) -> np.ndarray:
            raise NoFaceError("no face here")

    clips = people()
    made = Magnify(2.0).make(clips, 0)
    lost = made[0].with_frames(Lost())
    assert write([lost, *made[1:3]], clips, tmp_path) == [f"{lost.key}: no face here"]
    assert len(registry.create("datasets", f"folder:{tmp_path}")) == 2
    with pytest.raises(UsageError, match=r"nothing could be made; the first problem: .*no face here"):
        write([lost], clips, tmp_path)
    assert not list(tmp_path.glob(".*")), "nothing half-written is left"


def test_a_folder_is_claimed_and_only_our_own_files_are_replaced(tmp_path: Path) -> None:
    claim(tmp_path / "new", force=False)
    for name in ("annotations.csv", "sheet.png", "made-00007.mkv", "mine.txt"):
        (tmp_path / name).write_text("x")
    with pytest.raises(UsageError, match=r"not empty.*--force"):
        claim(tmp_path, force=False)
    claim(tmp_path, force=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine.txt", "new"]
    with pytest.raises(UsageError, match="is a file"):
        claim(tmp_path / "mine.txt", force=True)


def test_the_command_makes_and_tells(run: Run, tmp_path: Path) -> None:
    data, out = "synthetic:subjects=1,repeats=1,emotions=3,size=96,fps=25", tmp_path / "out"
    words: Sequence[object] = ("data", "augment", data, "--augment", "magnify:factor=3", "--out", out, "--quiet")
    code, told, _ = run(*words)
    assert code == 0
    assert "3 clips made of the 3" in told
    assert "Every subject has a part in them" in told
    assert len(list(out.glob("made-*.mkv"))) == 3
    code, _, told = run(*words)
    assert (code, "--force" in told) == (2, True)


@pytest.mark.parametrize(
    ("ways", "said"),
    [
        ([], "--augment names nothing; there are driven, local-static-face-mix"),
        (["--augment", "mixup"], "no augmentation 'mixup'"),
        (["--augment", "magnify:factor=0"], "factor is 0"),
        (["--augment", "local-static-face-mix"], "two training subjects, and there are 1"),
    ],
)
def test_a_wrong_request_writes_nothing(run: Run, tmp_path: Path, ways: list[str], said: str) -> None:
    out = tmp_path / "out"
    code, _, told = run("data", "augment", "synthetic:subjects=1,repeats=1,size=96", *ways, "--out", out)
    assert code == 2
    assert said in told
    assert len(told.strip().splitlines()) == 1
    assert not out.exists()
