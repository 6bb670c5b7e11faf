"""The synthetic benchmark as files: nothing lost, nothing half-written, nothing overwritten."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from mask import registry
from mask.clip import Dataset
from mask.data.synthetic import create, film, write
from mask.data.synthetic.dataset import Options
from mask.data.synthetic.write import file_of
from mask.errors import MaskError, UsageError
from mask.video import open_frames

SMALL = Options(subjects=2, repeats=1, neutral=1, size=96, fps=50.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("synthetic") / "set"
    done: list[int] = []
    table = write(SMALL, out, done.append)
    assert table == out / "annotations.csv"
    assert sum(done) == 10
    return out


def data() -> Dataset:
    return create(subjects=2, repeats=1, neutral=1, size=96, fps=50)


def test_every_pixel_comes_back(folder: Path) -> None:
    for clip in (*data().clips[:3], data().neutral[0]):
        frames = open_frames(folder / file_of(clip))
        assert len(frames) == len(clip.frames)
        assert all((frames[i] == clip.frame(i)).all() for i in range(len(frames)))


def test_the_table_is_what_the_folder_adapter_reads(folder: Path) -> None:
    back = registry.create("datasets", f"folder:{folder}")
    assert len(back) == 8
    assert len(back.neutral) == 2
    assert set(back.emotions) == {"happiness", "disgust", "surprise", "sadness"}
    for clip, other in zip(data().clips, back.clips, strict=True):
        assert (clip.subject, clip.emotion, clip.onset, clip.apex, clip.offset) == (
            other.subject,
            other.emotion,
            other.onset,
            other.apex,
            other.offset,
        )
        assert clip.action_units == other.action_units
        assert other.synthetic
        assert other.fps == 50


def test_the_recipe_is_enough_to_make_it_again(folder: Path) -> None:
    recipe = json.loads((folder / "generator.json").read_text())
    again = create(**recipe["options"])
    assert [c.key for c in again] == [c.key for c in data()]
    with (folder / "annotations.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [r["file"] for r in rows] == [file_of(c) for c in (*data().clips, *data().neutral)]
    assert [r["neutral"] for r in rows] == ["0"] * 8 + ["1"] * 2
    assert not [p for p in folder.rglob("*") if p.name.startswith(".")]


def test_an_interrupted_run_is_taken_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    out = tmp_path / "set"
    tiny = Options(subjects=1, repeats=1, neutral=0, size=96, fps=50.0)
    frame, seen = film.expose, set()

    def stop(take: film.Take, index: int) -> np.ndarray:
        seen.add(take.emotion)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return frame(take, index)

    monkeypatch.setattr(film, "expose", stop)
    with pytest.raises(KeyboardInterrupt):
        write(tiny, out, workers=1)
    assert sorted(p.name for p in out.rglob("*.mkv")) == ["disgust_1.mkv", "happiness_1.mkv"]
    assert not (out / "annotations.csv").exists()
    monkeypatch.setattr(film, "expose", frame)
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*.mkv")}
    write(tiny, out, workers=1)
    assert len(list(out.rglob("*.mkv"))) == 4
    assert all(p.stat().st_mtime_ns == t for p, t in before.items())


@pytest.mark.filterwarnings("ignore:.*tasks which were still being processed")
def test_workers_that_are_stopped_leave_nothing_half_written(tmp_path: Path) -> None:
    out = tmp_path / "set"

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(Options(subjects=4, repeats=1, neutral=0, size=96, fps=50.0), out, stop)
    assert not (out / "annotations.csv").exists()
    assert not [p for p in out.rglob("*") if p.name.startswith(".")]
    assert all(len(open_frames(p)) > 4 for p in out.rglob("*.mkv"))


def test_what_a_killed_run_has_left_is_swept_away(tmp_path: Path) -> None:
    (tmp_path / "set" / "s01").mkdir(parents=True)
    left = tmp_path / "set" / "s01" / ".sadness_1.0badf00d.mkv"
    left.write_bytes(b"half")
    write(Options(subjects=1, repeats=1, neutral=0, size=96, fps=25.0), tmp_path / "set", force=True, workers=1)
    assert not left.exists()


def test_nothing_is_overwritten_unasked(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="another benchmark"):
        write(Options(subjects=1), folder)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="something else"):
        write(SMALL, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["notes.txt"]


def test_force_writes_beside_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    write(Options(subjects=1, repeats=1, neutral=0, size=96, fps=25.0), tmp_path, force=True, workers=1)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert (tmp_path / "annotations.csv").exists()


def test_other_datasets_and_places_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not the synthetic benchmark"):
        write(Dataset("folder:x", (), ()), tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(MaskError, match="cannot be used as a folder"):
        write(SMALL, tmp_path / "file")
