"""The cache between runs: by content, bounded, shared, and never a wrong answer."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mask import cache, registry
from mask.cache import Cache, active, content, digest
from mask.clip import Clip
from mask.errors import UsageError
from mask.faces import TrackedLandmarks, sequence
from mask.flow import flow_maps, methods
from mask.plan import Kinetics, Placement, Plan
from mask.sticker.frames import StickeredFrames
from mask.video import open_frames

from .data_files import pictures


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    monkeypatch.setenv("MASK_CACHE", str(tmp_path / "cache"))
    found = active()
    assert found is not None
    return found


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """A rendered face as a folder of pictures."""
    from PIL import Image

    clip = registry.create("datasets", "synthetic:subjects=1,emotions=3,repeats=1,size=128,seed=1").clips[0]
    folder = tmp_path_factory.mktemp("film")
    for i in range(len(clip.frames)):
        Image.fromarray(clip.frame(i)).save(folder / f"{i}.png")
    return replace(clip, frames=open_frames(folder), landmarks=None)


def entries(store: Cache) -> list[Path]:
    return sorted(store.folder.glob("??/*.entry"))


def test_off_unless_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MASK_CACHE", raising=False)
    assert active() is None
    monkeypatch.setenv("MASK_CACHE", "")
    assert active() is None


@pytest.mark.parametrize(
    ("text", "size"), [("1000", 1000), ("5K", 5120), ("2m", 2 << 20), ("3GB", 3 << 30), ("1T", 1 << 40)]
)
def test_its_limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, size: int) -> None:
    monkeypatch.setenv("MASK_CACHE", str(tmp_path))
    monkeypatch.setenv("MASK_CACHE_LIMIT", text)
    found = active()
    assert found is not None
    assert found.limit == size


@pytest.mark.parametrize("text", ["much", "-1", "1.5G", "2 apples"])
def test_a_bad_limit_says_what_is_right(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    monkeypatch.setenv("MASK_CACHE", str(tmp_path))
    monkeypatch.setenv("MASK_CACHE_LIMIT", text)
    with pytest.raises(UsageError, match="500M or 2G"):
        active()


def test_a_file_is_no_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("MASK_CACHE", str(tmp_path / "file"))
    with pytest.raises(UsageError, match="is a file; expected a folder"):
        active()


@pytest.mark.parametrize("dtype", ["float32", "uint8", "int64", "bool"])
def test_what_is_put_is_got(store: Cache, dtype: str, rng: np.random.Generator) -> None:
    array = (rng.random((3, 4, 2)) * 9).astype(dtype)
    assert store.get(digest("k")) is None
    store.put(digest("k"), array)
    found = store.get(digest("k"))
    assert found is not None
    assert found.dtype == array.dtype
    assert np.array_equal(found, array)


@pytest.mark.parametrize("change", ["cut", "flip", "empty", "swap"])
def test_a_damaged_entry_is_a_miss_and_is_removed(store: Cache, change: str) -> None:
    store.put(digest("k"), np.arange(100))
    store.put(digest("other"), np.arange(50))
    path, other = store._path(digest("k")), store._path(digest("other"))
    raw = path.read_bytes()
    damaged = {"cut": raw[:-7], "flip": raw[:-9] + bytes([raw[-9] ^ 1]) + raw[-8:], "empty": b"", "swap": raw[16:]}
    path.write_bytes(damaged[change])
    assert store.get(digest("k")) is None
    assert not path.exists()
    assert other.exists()


def test_a_pickle_is_never_loaded(store: Cache, tmp_path: Path) -> None:
    store.put(digest("k"), np.arange(3))
    mark = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(mark),)

    import io

    stream = io.BytesIO()
    np.save(stream, np.array([Evil()], dtype=object), allow_pickle=True)
    payload = stream.getvalue()
    store._path(digest("k")).write_bytes(cache._sum(payload) + payload)
    assert store.get(digest("k")) is None
    assert not mark.exists()


@given(st.lists(st.text(max_size=5) | st.integers() | st.binary(max_size=5) | st.floats(allow_nan=False), max_size=4))
def test_other_parts_other_key(parts: list[object]) -> None:
    key = digest(*parts)
    assert key == digest(*parts)
    assert key != digest(*parts, "")
    assert key != digest("", *parts) or not parts


def test_arrays_differ_by_type_and_shape_and_parts_do_not_run_together() -> None:
    zeros = np.zeros(4, np.uint8)
    keys = [
        digest(zeros),
        digest(zeros.reshape(2, 2)),
        digest(zeros.astype(np.int8)),
        digest(zeros.tobytes()),
        digest("ab", "c"),
        digest("a", "bc"),
        digest("1"),
        digest(1),
    ]
    assert len(set(keys)) == len(keys)
    wide = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert digest(wide[:, ::2]) == digest(np.ascontiguousarray(wide[:, ::2]))


def test_the_entry_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    store = Cache(tmp_path, limit=10_000)
    for i in range(6):
        store.put(digest(i), np.zeros(1400, np.uint8))
        os.utime(store._path(digest(i)), (1000 + i, 1000 + i))
    assert store.get(digest(0)) is not None
    store.put(digest(6), np.zeros(1400, np.uint8))
    store.trim()
    kept = [i for i in range(7) if store._path(digest(i)).exists()]
    assert kept == [0, 2, 3, 4, 5, 6]


def test_the_limit_is_kept_to_an_eighth(tmp_path: Path) -> None:
    store = Cache(tmp_path, limit=100_000)
    for i in range(200):
        store.put(digest(i), np.zeros(2000, np.uint8))
        assert sum(p.stat().st_size for p in entries(store)) <= 100_000 * 9 // 8 + 3000


def test_what_a_killed_process_left_is_cleared_and_a_living_one_is_left_alone(store: Cache) -> None:
    store.put(digest("k"), np.arange(3))
    folder = entries(store)[0].parent
    old, new = folder / "tmpold.part", folder / "tmpnew.part"
    for path in (old, new):
        path.write_bytes(b"half of an ent")
    os.utime(old, (time.time() - 7200,) * 2)
    store.trim()
    assert (old.exists(), new.exists()) == (False, True)
    assert store.get(digest("k")) is not None


@pytest.mark.skipif(os.getuid() == 0, reason="the administrator may write anywhere")
def test_a_disk_that_refuses_costs_nothing_but_time(tmp_path: Path) -> None:
    store = Cache(tmp_path / "locked", limit=1000)
    store.folder.mkdir(mode=0o500)
    store.put(digest("k"), np.arange(3))
    assert store.get(digest("k")) is None


def test_a_disk_that_is_full_costs_nothing_but_time(store: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.os, "replace", full)
    store.put(digest("k"), np.arange(3))
    assert store.get(digest("k")) is None
    assert list(store.folder.rglob("*.part")) == []


WRITER = """
import sys, numpy as np
from pathlib import Path
from mask.cache import Cache, digest
store = Cache(Path(sys.argv[1]), limit=400_000)
print("ready", flush=True)
for n in range(int(sys.argv[2])):
    k = n % 40
    found = store.get(digest(k))
    assert found is None or (found == k).all(), "a wrong entry"
    store.put(digest(k), np.full(20_000, k, np.uint8))
"""


def start(folder: Path, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(folder), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_processes_share_it_and_one_is_killed(tmp_path: Path) -> None:
    """Two write and evict the same entries; one of them dies in the middle of its work."""
    living, doomed = start(tmp_path, 600), start(tmp_path, 10**9)
    for one in (living, doomed):
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    time.sleep(0.3)
    doomed.send_signal(signal.SIGKILL)
    _, errors = living.communicate(timeout=60)
    doomed.communicate()
    assert living.returncode == 0, errors
    store = Cache(tmp_path, limit=400_000)
    kept = entries(store)
    assert kept
    for k in range(40):
        found = store.get(digest(k))
        assert found is None or (found == k).all()
    assert entries(store) == kept, "no entry was damaged"
    assert sum(p.stat().st_size for p in kept) <= 400_000 * 10 // 8


# What is kept


def test_landmarks_are_the_same_with_and_without(store: Cache, film: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = film.frames
    assert frames is not None
    monkeypatch.delenv("MASK_CACHE")
    plain = TrackedLandmarks(frames)
    expected = [plain[i] for i in range(len(plain))]
    monkeypatch.setenv("MASK_CACHE", str(store.folder))
    first = TrackedLandmarks(frames)
    assert np.array_equal(first[0], expected[0])
    assert len(entries(store)) == 1
    assert all(np.array_equal(first[i], expected[i]) for i in range(len(first)))
    monkeypatch.setattr(sequence, "FaceTracker", None)
    again = TrackedLandmarks(open_frames(frames.path))  # type: ignore[attr-defined]
    assert all(np.array_equal(again[i], expected[i]) for i in range(len(again)))
    assert np.array_equal(pickle.loads(pickle.dumps(again))[3], expected[3])


def test_landmarks_of_other_pictures_or_another_rate_are_found_anew(store: Cache, film: Clip, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    for path in film.frames.sources:  # type: ignore[union-attr]
        (folder / path.name).write_bytes(path.read_bytes())
    _ = TrackedLandmarks(film.frames)[0]  # type: ignore[arg-type]
    _ = TrackedLandmarks(open_frames(folder))[0]
    assert len(entries(store)) == 1, "the same pictures elsewhere are the same"
    _ = TrackedLandmarks(open_frames(folder), fps=200)[0]
    assert len(entries(store)) == 2
    (folder / "5.png").write_bytes((folder / "6.png").read_bytes())
    _ = TrackedLandmarks(open_frames(folder))[0]
    assert len(entries(store)) == 3


def test_frames_without_a_face_stay_without(store: Cache, tmp_path: Path) -> None:
    frames = open_frames(pictures(tmp_path / "blank", range(3), "{}.png"))
    assert [TrackedLandmarks(frames)[i] for i in (2, 0, 1)] == [None] * 3
    assert len(entries(store)) == 1


def test_nothing_is_kept_of_frames_that_are_not_files(store: Cache, film: Clip) -> None:
    assert film.frames is not None
    landmarks = TrackedLandmarks(film.frames)
    plan = Plan(Placement(0.5, 0.5, 0.03), Kinetics("skin"))
    worn = StickeredFrames(film.frames, plan, landmarks, film.onset, film.apex, film.offset)
    before = entries(store)
    assert content(worn) is None
    assert content(np.zeros((2, 4, 4, 3), np.uint8)) is None
    assert TrackedLandmarks(worn)[0] is not None
    assert entries(store) == before


def test_a_file_that_vanished_is_no_content(tmp_path: Path) -> None:
    frames = open_frames(pictures(tmp_path / "f", range(2), "{}.png"))
    assert content(frames)
    (tmp_path / "f/1.png").unlink()
    assert content(frames) is None


@pytest.mark.parametrize("method", ["dis", "tvl1"])
def test_flow_maps_are_the_same_with_and_without(
    store: Cache, method: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = rng.integers(0, 255, (4, 2, 40, 40, 3), dtype=np.uint8)
    monkeypatch.delenv("MASK_CACHE")
    expected = flow_maps(pairs, method)
    monkeypatch.setenv("MASK_CACHE", str(store.folder))
    assert np.array_equal(flow_maps(pairs[1:3], method), expected[1:3])
    made: list[int] = []
    inner = methods._made
    monkeypatch.setattr(methods, "_made", lambda p, m, k: made.append(len(p)) or inner(p, m, k))
    assert np.array_equal(flow_maps(pairs, method), expected)
    assert np.array_equal(flow_maps(pairs[::-1], method), expected[::-1])
    assert made == [2], "only the two that were new are computed"
    assert flow_maps(pairs[:0], method).shape == (0, 28, 28, 3)


def test_flow_maps_of_another_method_or_parameter_are_other_entries(store: Cache, rng: np.random.Generator) -> None:
    pairs = rng.integers(0, 255, (1, 2, 40, 40), dtype=np.uint8)
    flow_maps(pairs, "dis")
    flow_maps(pairs, "farneback")
    flow_maps(pairs, "farneback", window=15)
    assert len(entries(store)) == 3
    flow_maps(pairs, "farneback", window=15)
    assert len(entries(store)) == 3


def test_other_code_is_another_entry(store: Cache, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = rng.integers(0, 255, (1, 2, 40, 40), dtype=np.uint8)
    flow_maps(pairs, "dis")
    assert len({cache.code("flow"), cache.code("faces"), cache.code("data/_apex")}) == 3
    monkeypatch.setattr(cache, "code", lambda package: "changed")
    flow_maps(pairs, "dis")
    assert len(entries(store)) == 2
