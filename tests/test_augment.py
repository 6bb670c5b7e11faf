"""Made training clips: what is blended, how far things move, and what is chosen from what."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from mask import registry
from mask.augment import Augmentation, made_by, need_pixels
from mask.augment._base import draw, ranked
from mask.augment.local_static_face_mix import PARTS, LocalStaticFaceMix
from mask.clip import Clip
from mask.errors import NoFaceError, UsageError
from tests.augment_clips import SIZE, mesh, moved_clip, still_clip
from tests.models import flow_clip

NAMES = ("driven", "local-static-face-mix", "magnify", "magnify-eulerian")


def people(subjects: int = 4, emotions: tuple[str, ...] = ("calm", "moved")) -> list[Clip]:
    rng = np.random.default_rng(0)
    shift = [np.broadcast_to(rng.uniform(-1, 1, 2), (SIZE, SIZE, 2)) for _ in range(subjects * len(emotions))]
    return [
        moved_clip(f"s{s}/{e}", shift[s * len(emotions) + k], e, seed=s, steps=(0, 1))
        for s in range(subjects)
        for k, e in enumerate(emotions)
    ]


CLIPS = people()


def test_every_way_is_found_by_its_name() -> None:
    assert registry.names("augmentations") == NAMES
    for name in NAMES:
        way = registry.create("augmentations", name)
        assert isinstance(way, Augmentation)
        assert way.name == name


@pytest.mark.parametrize("name", NAMES)
def test_what_is_made_are_clips_that_say_what_they_are(name: str) -> None:
    way = registry.create("augmentations", name)
    made = way.make(CLIPS, 3)
    known = {c.key: c for c in CLIPS}
    assert made
    assert len({c.key for c in made} | set(known)) == len({c.key for c in made}) + len(known), "keys are new"
    for clip in made[:8]:
        sources = [known[key] for key in clip.truth["made_from"]]
        assert clip.truth["made_by"] == repr(way)
        assert clip.subject == sources[0].subject
        assert set(clip.truth["subjects"]) == {s.subject for s in sources}
        assert clip.emotion == (sources[-1] if name == "driven" else sources[0]).emotion
        assert all(s.key in clip.key for s in sources)
        frames, points = [clip.frame(i) for i in range(len(clip.frames or ()))], clip.points(clip.apex)
        assert all(f.dtype == np.uint8 and f.shape == (SIZE, SIZE, 3) for f in frames)
        assert points is not None
        assert np.isfinite(points).all()
        with pytest.raises(IndexError):
            clip.frame(len(frames))


@pytest.mark.parametrize("name", NAMES)
def test_equal_seeds_make_equal_clips_and_leave_the_generators_alone(name: str) -> None:
    way = registry.create("augmentations", name)
    before = torch.get_rng_state()
    one, two, other = (way.make(CLIPS, seed) for seed in (0, 0, 1))
    assert [c.key for c in one] == [c.key for c in two]
    assert np.array_equal(one[0].frame(1), two[0].frame(1))
    assert torch.equal(before, torch.get_rng_state())
    if not name.startswith("magnify"):  # there is nothing to choose
        assert [c.key for c in one] != [c.key for c in other]


@pytest.mark.parametrize("name", NAMES)
def test_leaving_a_subject_out_changes_nothing_that_subject_had_no_part_in(name: str) -> None:
    """So folds share what is made, and nothing of a held-out subject is in it."""
    way = registry.create("augmentations", name)
    whole = way.make(CLIPS, 0)
    fold = way.make([c for c in CLIPS if c.subject != "s2"], 0)
    assert all("s2" not in c.truth["subjects"] for c in fold)
    assert {c.key for c in whole if "s2" not in c.truth["subjects"]} <= {c.key for c in fold}


def test_draws_are_uniform_and_orders_stable() -> None:
    found = np.array([draw("x", k) for k in range(4000)])
    assert np.abs(np.histogram(found, 10, (0, 1))[0] - 400).max() < 5 * np.sqrt(360)
    names = [str(k) for k in range(30)]
    order = ranked(names, 5)
    assert sorted(order) == sorted(names) != order
    assert ranked([n for n in names if n != "7"], 5) == [n for n in order if n != "7"]


def test_no_key_twice() -> None:
    way = registry.create("augmentations", "magnify")
    assert len(made_by([way, way], CLIPS, 0)) == len(CLIPS)
    assert len(made_by([way, replace(way, factor=3.0)], CLIPS, 0)) == 2 * len(CLIPS)


@pytest.mark.parametrize("name", NAMES)
def test_a_flow_map_is_refused_in_one_sentence(name: str) -> None:
    bare = flow_clip("s9/map", np.zeros((28, 28, 3), np.uint8))
    with pytest.raises(UsageError, match=f"^{name} needs pixels, and s9/map is a flow map"):
        need_pixels([registry.create("augmentations", name)], [*CLIPS, bare])
    need_pixels([], [bare])


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("local-static-face-mix:alpha=0", "alpha is 0"),
        ("local-static-face-mix:probability=1.5", "probability 1.5"),
        ("local-static-face-mix:copies=0.5", "copies is 0.5"),
        ("magnify:factor=1", "factor is 1"),
        ("magnify:factor=11", "at most 10"),
        ("magnify-eulerian:low=9,high=3", "band is 9 to 3"),
        ("magnify-eulerian:reach=-1", "reach is -1"),
        ("driven:clips=0", "clips is 0"),
        ("driven:drivers=1", "drivers is 1"),
        ("magnify:strength=2", "no parameter 'strength'"),
        ("mixup", "no augmentation 'mixup'"),
    ],
)
def test_a_wrong_number_is_told(spec: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        registry.create("augmentations", spec)


def box_of(part: str) -> tuple[slice, slice]:
    points = mesh()[list(PARTS[part])]
    (left, top), (right, bottom) = np.floor(points.min(0)).astype(int), np.ceil(points.max(0)).astype(int) + 1
    return slice(top, bottom), slice(left, right)


def test_the_parts_lie_where_they_are_named() -> None:
    eyes = mesh()[[33, 133, 362, 263]]
    nose = mesh()[1]
    rows = {part: box_of(part)[0] for part in PARTS}
    columns = {part: box_of(part)[1] for part in PARTS}
    assert rows["forehead"].stop < eyes[:, 1].min()
    assert rows["chin"].start > mesh()[17, 1], "below the lower lip"
    assert columns["cheek_left"].stop < nose[0] < columns["cheek_right"].start
    assert rows["cheek_left"].start > eyes[:, 1].max()


@pytest.mark.parametrize("alpha", [0.5, 0.2, 1.0])
def test_a_part_of_another_face_is_blended_into_every_frame_and_nothing_else(alpha: float) -> None:
    """Both faces lie alike in their pictures, so the blend can be written down."""
    known = {c.key: c for c in CLIPS}
    seen = Counter[str]()
    for clip in LocalStaticFaceMix(alpha=alpha, probability=1.0, copies=3).make(CLIPS, 0):
        own, other = (known[key] for key in clip.truth["made_from"])
        part = box_of(clip.truth["part"])
        seen[clip.truth["part"]] += 1
        if seen[clip.truth["part"]] > 1:
            continue
        for i in range(2):
            expected = own.frame(i).astype(float)
            expected[part] = (1 - alpha) * expected[part] + alpha * other.frame(0)[part]
            assert np.abs(clip.frame(i) - expected).max() <= 0.5 + 1e-9
    assert set(seen) == set(PARTS)


def test_the_other_is_another_subject_and_the_chance_is_kept() -> None:
    many = [still_clip(f"s{k % 5}/{k}", "calm", size=16) for k in range(200)]
    made = LocalStaticFaceMix(probability=0.3, copies=4).make(many, 0)
    assert all(len(c.truth["subjects"]) == 2 for c in made)
    assert abs(len(made) - 240) < 4 * np.sqrt(800 * 0.3 * 0.7)
    partners = Counter(c.truth["subjects"][1] for c in made)
    assert min(partners.values()) > 25
    assert max(Counter(c.truth["part"] for c in made).values()) < 90
    with pytest.raises(UsageError, match="two training subjects, and there are 1"):
        LocalStaticFaceMix().make([c for c in many if c.subject == "s0"], 0)


def test_only_made_up_faces_stay_made_up() -> None:
    real = [replace(c, synthetic=c.subject != "s1") for c in CLIPS]
    for clip in LocalStaticFaceMix(probability=1.0).make(real, 0):
        assert clip.synthetic == ("s1" not in clip.truth["subjects"])


def test_a_face_of_another_size_fits(rng: np.random.Generator) -> None:
    small = still_clip("s8/small", "calm", seed=4, size=100)
    flat = replace(small, frames=np.full((4, 100, 100, 3), 200, np.uint8))
    (mixed, *_) = LocalStaticFaceMix(alpha=1.0, probability=1.0).make([CLIPS[0], flat], 0)
    part = box_of(mixed.truth["part"])
    assert (mixed.frame(1)[part] == 200).all()
    changed = (mixed.frame(1) != CLIPS[0].frame(1)).any(axis=-1)
    changed[part] = False
    assert not changed.any()


@pytest.mark.parametrize("name", NAMES)
def test_a_face_that_is_lost_or_outside_the_picture_is_no_face(name: str) -> None:
    from mask.torch_recognizer import TorchRecognizer

    class Nothing(list[Any]):
        def __getitem__(self, index: Any) -> Any:
            return None

    way = registry.create("augmentations", name)
    for landmarks in (Nothing([None, None]), np.repeat(mesh()[None] + 5 * SIZE, 2, axis=0)):
        lost = [replace(c, landmarks=landmarks) for c in CLIPS]
        made = way.make(lost, 0)[0]
        with pytest.raises(NoFaceError):
            made.frame(made.apex)
        reader = TorchRecognizer("reader", ("calm", "moved"), torch.nn.Identity(), size=32)
        assert reader.inputs([made]) == [None]
