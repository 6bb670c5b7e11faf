"""Carrying out plans on clips of frames and clips of flow."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from mask.apply import apply, apply_many
from mask.clip import Clip
from mask.errors import InvalidPlan, NoFaceError
from mask.plan import Kinetics, Placement, Plan
from mask.regions import canonical
from mask.sticker import flowspace

FACE = canonical() * (60, 78) + (10, 10)
PLANS = [
    Plan(Placement(0.2, 0.5, 0.046)),
    Plan(Placement(0.8, 0.5, 0.02), Kinetics("overlay", (1.0, 0.0), 1.2), "heart"),
]


def frame_clip(**changes: object) -> Clip:
    frames = np.random.default_rng(0).integers(0, 256, (4, 95, 80, 3), dtype=np.uint8)
    known: dict[str, object] = {
        "key": "demo/s1/c1",
        "subject": "s1",
        "emotion": "surprise",
        "dataset": "demo",
        "frames": frames,
        "landmarks": np.stack([FACE + 0.2 * i for i in range(4)]),
        "fps": 100.0,
        "onset": 0,
        "apex": 2,
        "offset": 3,
        "action_units": ("AU1", "AU2"),
        "synthetic": True,
        "truth": {"seed": 3},
    }
    return Clip(**{**known, **changes})  # type: ignore[arg-type]


def flow_clip() -> Clip:
    flow = np.random.default_rng(1).integers(0, 256, (28, 28, 3), dtype=np.uint8)
    return Clip("megc/006/x", "006", "negative", "megc-flow", flow=flow, action_units=("AU4",))


def test_a_stickered_clip_keeps_everything_but_its_frames() -> None:
    clip = frame_clip()
    for out in apply_many(clip, PLANS):
        for known in fields(Clip):
            if known.name not in ("frames", "landmarks"):
                assert getattr(out, known.name) is getattr(clip, known.name)
        assert len(out.frames or ()) == 4
        np.testing.assert_array_equal([out.points(i) for i in range(4)], [clip.points(i) for i in range(4)])
        assert (out.frame(2) != clip.frame(2)).any()
    first, second = (c.frame(2) for c in apply_many(clip, PLANS))
    assert (first != second).any()


def test_flow_clips_get_their_flow_changed() -> None:
    clip = flow_clip()
    assert clip.flow is not None
    expected = flowspace.apply_many(clip.flow, PLANS)
    for out, flow in zip(apply_many(clip, PLANS), expected, strict=True):
        assert out.flow is not None
        np.testing.assert_array_equal(out.flow, flow)
        assert (out.key, out.subject, out.emotion, out.action_units) == ("megc/006/x", "006", "negative", ("AU4",))
        assert out.frames is None


@pytest.mark.parametrize("clip", [frame_clip(), flow_clip()], ids=["frames", "flow"])
def test_one_is_as_many(clip: Clip) -> None:
    one, many = apply(clip, PLANS[1]), apply_many(clip, PLANS)[1]
    if clip.flow is None:
        np.testing.assert_array_equal(one.frame(2), many.frame(2))
    else:
        np.testing.assert_array_equal(one.flow, many.flow)  # type: ignore[arg-type]
    assert apply_many(clip, []) == []


def test_applying_twice_gives_two_stickers() -> None:
    clip = frame_clip()
    both = apply(apply(clip, PLANS[0]), PLANS[1])
    first = apply(clip, PLANS[0])
    changed = (both.frame(2) != clip.frame(2)).any(axis=2).sum()
    assert changed > (first.frame(2) != clip.frame(2)).any(axis=2).sum()


def test_no_face_is_told() -> None:
    with pytest.raises(NoFaceError, match="clip demo/s1/c1 has no landmarks"):
        apply(frame_clip(landmarks=None), PLANS[0])
    lost = np.stack([FACE] * 4)
    lost[2] = np.nan
    with pytest.raises(NoFaceError, match="clip demo/s1/c1 has no face in its apex frame 2"):
        apply(frame_clip(landmarks=lost), PLANS[0])


def test_a_screen_sticker_on_flow_is_told() -> None:
    with pytest.raises(InvalidPlan, match="no longer says"):
        apply(flow_clip(), Plan(Placement(0.5, 0.5, 0.046), Kinetics("screen")))
