"""The spotters: their state-space scan against step after step, what they learn from, and that they learn it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mask.recognizers import _scan, me_tst, mesfusion, sfamnet, softnet

from mask import registry
from mask.errors import UnreadableData, UnreadableWeights, UsageError
from mask.spot import weights as saved
from mask.spot.interval import Interval
from mask.spot.learn import NOBODY, TrainableSpotter, pseudo_labels
from mask.spot.motion import ROIS, SIDE, Motion
from mask.spot.video import LongVideo, LongVideos

EMOTIONS = ("negative", "positive")
DISTANCE = 6


def step_after_step(
    x: torch.Tensor, delta: torch.Tensor, a: torch.Tensor, b: torch.Tensor, c: torch.Tensor, skip: torch.Tensor
) -> torch.Tensor:
    """The recurrence of Mamba as it is defined, one number at a time."""
    count, length, inner = x.shape
    out = torch.zeros_like(x)
    for n in range(count):
        for d in range(inner):
            state = [0.0] * a.shape[1]
            for t in range(length):
                for s in range(a.shape[1]):
                    keep = float(torch.exp(delta[n, t, d] * a[d, s]))
                    state[s] = keep * state[s] + float(delta[n, t, d] * b[n, t, s] * x[n, t, d])
                out[n, t, d] = sum(float(c[n, t, s]) * state[s] for s in range(a.shape[1])) + skip[d] * x[n, t, d]
    return out


def inputs(length: int, seed: int = 0) -> tuple[torch.Tensor, ...]:
    made = torch.Generator().manual_seed(seed)

    def some(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=made, dtype=torch.float64)

    shapes = some(2, length, 3), some(2, length, 3).abs(), -some(3, 4).abs()
    return *shapes, some(2, length, 4), some(2, length, 4), some(3)


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 9, 16, 17, 30])
def test_the_scan_is_the_recurrence(length: int) -> None:
    given = inputs(length)
    assert torch.allclose(_scan.selective_scan(*given), step_after_step(*given), atol=1e-12, rtol=1e-12)


def test_the_scan_has_the_gradient_of_the_recurrence() -> None:
    given = tuple(t.requires_grad_() for t in inputs(7))
    assert torch.autograd.gradcheck(_scan.selective_scan, given)


def test_the_scan_survives_what_it_forgets_at_once() -> None:
    x, _, a, b, c, skip = inputs(40)
    given = tuple(t.float() for t in (x, torch.full((2, 40, 3), 80.0, dtype=torch.float64), a - 1, b, c, skip))
    told = _scan.selective_scan(*given)
    assert torch.isfinite(told).all()
    assert torch.allclose(told, step_after_step(*given), rtol=1e-4, atol=1e-4)


def test_a_mamba_block_never_looks_ahead() -> None:
    torch.manual_seed(0)
    block = _scan.MambaBlock(8, state=4).double().eval()
    x = torch.randn(1, 20, 8, dtype=torch.float64)
    changed = x.clone()
    changed[:, 12:] += 1
    before, after = block(x), block(changed)
    assert torch.equal(before[:, :12], after[:, :12])
    assert (before[:, 12:] != after[:, 12:]).any(dim=-1).all()


def test_each_branch_of_me_tst_has_blocks_of_its_own() -> None:
    torch.manual_seed(0)
    network = me_tst.Network(3, width=8, depth=6, state=4).eval()
    scores, named = network(torch.randn(2, 15, 10))
    assert scores.shape == (2, 15)
    assert named.shape == (2, 15, 3)
    for head, mine, other in ((scores, "spotting", "recognising"), (named, "recognising", "spotting")):
        network.zero_grad()
        head.sum().backward(retain_graph=True)
        reached = {n: p.grad is not None and bool((p.grad != 0).any()) for n, p in network.named_parameters()}
        assert all(r for n, r in reached.items() if n.startswith((mine, "shared")) and "norm.bias" not in n)
        assert not any(r for n, r in reached.items() if n.startswith(other))


def test_a_mirrored_face_moves_the_other_way() -> None:
    model = registry.create("recognizers", "me-tst:width=8,depth=3,state=2")
    given = torch.arange(10.0).view(1, 1, 10)
    seen = {tuple(model.vary(given, torch.Generator().manual_seed(s)).flatten().div(1).tolist()) for s in range(40)}
    signs = {tuple(np.sign(row).astype(int)) for row in seen}
    assert signs == {(0, *[1] * 9), (-1, 1, 0, 1, -1, 1, -1, 1, -1, 1)}


def test_softnet_has_the_published_shape() -> None:
    network = softnet.Network()
    # Three convolutions of 5 x 5 with 3, 5 and 8 maps, 7 x 7 x 16 numbers to 400, 400 to 1.
    published = sum(26 * w for w in (3, 5, 8)) + 784 * 400 + 400 + 401
    assert sum(p.numel() for p in network.parameters()) == published
    assert network(torch.randn(4, 3, SIDE, SIDE))[0].shape == (4,)


@pytest.mark.parametrize("shift", [0, 3])
def test_streams_ask_the_two_others_within_their_window_alone(shift: int) -> None:
    torch.manual_seed(0)
    block = mesfusion.CrossAttention(4, 2, shift).double().eval()
    torch.nn.init.normal_(block.offset)
    x = torch.randn(1, 3, 14, 14, 4, dtype=torch.float64, requires_grad=True)
    out = block(x)
    for row, column in ((0, 0), (2, 9), (6, 7), (12, 13), (13, 3)):
        (slope,) = torch.autograd.grad(out[0, 1, row, column].sum(), x, retain_graph=True)
        asked = {(int(r), int(c)) for r, c in torch.nonzero(slope[0, [0, 2]].abs().sum(dim=(0, -1)) > 0)}
        # Windows begin at the shift; what lies before the first and after the last is a window of its own.
        band = [-1 if i < shift else (i - shift) // 7 for i in range(14)]
        same = {(r, c) for r in range(14) for c in range(14) if band[r] == band[row] and band[c] == band[column]}
        assert asked == same
        own = {(int(r), int(c)) for r, c in torch.nonzero(slope[0, 1].abs().sum(dim=-1) > 0)}
        assert own == {(row, column)}, "of its own stream it sees itself alone"


def test_windows_are_put_back_where_they_were() -> None:
    x = torch.arange(2 * 3 * 14 * 14 * 5).view(2, 3, 14, 14, 5).float()
    windows = mesfusion._windows(x)
    assert torch.equal(mesfusion._whole(windows), x)
    assert torch.equal(windows[0, 1, 1, 0], x[0, 1, 0, 7])


# Published weights


def release(folder: Path, outputs: int, subjects: tuple[int, ...] = (1, 12)) -> Path:
    """State dicts as the release has them: made up, of its names and shapes."""
    folder.mkdir()
    for subject in subjects:
        torch.manual_seed(subject)
        torch.save(sfamnet.Network(outputs).state_dict(), folder / f"subject_{subject}.pkl")
    return folder


@pytest.mark.parametrize(("outputs", "published"), [(5, 7_249), (8, 8_428)])
def test_sfamnet_has_as_many_numbers_as_the_release(outputs: int, published: int) -> None:
    network = sfamnet.Network(outputs)
    assert sum(p.numel() for p in network.parameters()) == published
    names = set(network.state_dict())
    assert {"c1.0.cbam.ChannelGate.mlp.1.weight", "c3.0.cbam.SpatialGate.spatial.conv.weight"} <= names
    assert {"c2.0.downsample.0.weight", "c2.0.bn2.running_mean", "fc_spot.bias", "conv2.weight"} <= names


def test_published_weights_of_sfamnet_judge_who_they_have_not_seen(tmp_path: Path) -> None:
    folder = release(tmp_path / "4emo", 5)
    with pytest.raises(UsageError, match=r"motion in depth.*third=zero"):
        registry.create("recognizers", f"sfamnet:weights={folder}")
    model = registry.create("recognizers", f"sfamnet:weights={folder},third=zero")
    assert sorted(model.folds) == ["spNO.1", "spNO.12"]
    assert model.emotions == ("negative", "positive", "surprise", "others")
    card = model.card()
    assert (card["weights"], len(card["sha256"]), card["models"]) == ("published", 2, 2)
    seen = moving([], 0, frames=40)
    louder = Motion(seen.maps * np.array([1, 1, 50], np.float16), seen.rois, seen.places, 40, DISTANCE)
    one, other = model.folds["spNO.1"], model.folds["spNO.12"]
    assert np.array_equal(one.read(seen)[0], one.read(louder)[0]), "without depth"
    assert not np.array_equal(one.read(seen)[0], other.read(seen)[0])
    assert (
        registry.create("recognizers", f"sfamnet:weights={release(tmp_path / '7emo', 8)},third=zero").emotions[0]
        == "disgust"
    )


def test_weights_that_do_not_fit_are_explained_by_tensor(tmp_path: Path) -> None:
    folder = release(tmp_path / "w", 5)
    state = torch.load(folder / "subject_12.pkl", weights_only=True)
    state["c1.0.conv1.weight"] = torch.zeros(3, 1, 3, 3)
    del state["fc_spot.bias"]
    torch.save(state, folder / "subject_12.pkl")
    with pytest.raises(UnreadableWeights, match=r"lacks fc_spot.bias.*c1.0.conv1.weight as \(3, 1, 3, 3\) where"):
        registry.create("recognizers", f"sfamnet:weights={folder},third=zero")
    torch.save({"run": print}, folder / "subject_12.pkl")
    with pytest.raises(UnreadableWeights, match="could run code"):
        registry.create("recognizers", f"sfamnet:weights={folder},third=zero")
    (folder / "subject_12.pkl").unlink()
    torch.save(sfamnet.Network(8).state_dict(), folder / "subject_2.pkl")
    with pytest.raises(UnreadableWeights, match="of four and of seven"):
        registry.create("recognizers", f"sfamnet:weights={folder},third=zero")


# Learning


def moving(truth: list[Interval], seed: int, frames: int = 300) -> Motion:
    """A made-up face: brows move in negative expressions, mouth corners in positive ones; noise all over."""
    rng = np.random.default_rng(seed)
    places = np.arange(frames - DISTANCE) + DISTANCE / 2
    maps = 0.05 * rng.standard_normal((len(places), SIDE, SIDE, 3))
    rois = 0.05 * rng.standard_normal((len(places), len(ROIS), 2))
    for one in truth:
        near = np.exp(-(((places - one.apex) / 4) ** 2))
        rows, regions = (slice(0, 21), slice(0, 2)) if one.emotion == "negative" else (slice(21, 42), slice(2, 4))
        maps[:, rows, 5:37, 1:] += 0.3 * near[:, None, None, None]
        rois[:, regions, 1] += 0.3 * near[:, None]
    return Motion(maps.astype(np.float16), rois.astype(np.float32), places, frames, DISTANCE)


def made_up(subjects: int) -> tuple[LongVideos, list[Motion]]:
    videos, seen = [], []
    for s in range(subjects):
        rng = np.random.default_rng(s)
        apexes = [int(a) for a in np.array([40, 120, 200, 260]) + rng.integers(-15, 15, 4)]
        truth = [Interval(a - 6, a, a + 6, EMOTIONS[(i + s) % 2]) for i, a in enumerate(apexes)]
        blank = np.zeros((300, 2, 2, 3), np.uint8)
        nowhere = np.zeros((300, 468, 2))
        videos.append(LongVideo(f"made/p{s}/v", f"p{s}", blank, nowhere, 30.0, tuple(truth)))
        seen.append(moving(truth, s))
    return LongVideos("made", tuple(videos), EMOTIONS), seen


@pytest.mark.parametrize(
    "spec",
    [
        "softnet:epochs=6",
        "mesfusion:epochs=3,width=8,heads=1,rate=0.005",
        "sfamnet:epochs=6,rate=0.02",
        "me-tst:width=16,depth=3,state=4,epochs=60,rate=0.005",
    ],
    ids=["softnet", "mesfusion", "sfamnet", "me-tst"],
)
def test_a_spotter_learns_and_is_found_again(spec: str, tmp_path: Path) -> None:
    videos, seen = made_up(3)
    recipe = registry.create("recognizers", spec)
    state = torch.random.get_rng_state()
    folds = [("p0", "p1")]
    model = saved.train(recipe, videos, seen, folds, out=tmp_path / "w")
    assert torch.equal(state, torch.random.get_rng_state())
    hits = named = 0
    for video, moved in list(zip(videos.videos, seen, strict=True))[:2]:
        found = model.spot(video, moved)
        assert len(found.intervals) == 4
        for one, true in zip(found.intervals, video.truth or (), strict=True):
            hits += abs(one.apex - true.apex) <= 4
            named += one.emotion == true.emotion
    assert hits >= 7
    assert named >= 7 if recipe.name in ("me-tst", "sfamnet") else named == 0
    with pytest.raises(UnreadableWeights, match="'p2'"):
        model.spot(videos.videos[2], seen[2])
    again = registry.create("recognizers", f"{recipe.name}:weights={tmp_path / 'w'}")
    for i in range(2):
        one, other = (m.spot(videos.videos[i], seen[i]) for m in (model, again))
        assert one.intervals == other.intervals
    assert again.card()["training"]["data"] == "made"
    assert len(again.card()["sha256"]) == 1
    with pytest.raises(UsageError, match="finished training"):
        saved.train(recipe, videos, seen, folds, out=tmp_path / "w")


def test_training_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    videos, seen = made_up(3)
    recipe = registry.create("recognizers", "softnet:epochs=1")
    folds = [("p0",), ("p1",), ("p2",)]
    fit, fitted = TrainableSpotter.fit, []

    def killed(self: TrainableSpotter, *given: object, **named: object) -> TrainableSpotter:
        if len(fitted) == 2:
            raise KeyboardInterrupt
        fitted.append(1)
        return fit(self, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(TrainableSpotter, "fit", killed)
    with pytest.raises(KeyboardInterrupt):
        saved.train(recipe, videos, seen, folds, out=tmp_path)
    fitted[:] = [1]
    resumed = saved.train(recipe, videos, seen, folds, out=tmp_path)
    monkeypatch.undo()
    whole = saved.train(recipe, videos, seen, folds)
    assert len(fitted) == 2, "two folds were found again, one was trained"
    for i in range(3):
        assert resumed.spot(videos.videos[i], seen[i]).intervals == whole.spot(videos.videos[i], seen[i]).intervals
    other = registry.create("recognizers", "softnet:epochs=2")
    (tmp_path / saved.CARD).unlink()
    (tmp_path / "training.json").write_text("{}")
    with pytest.raises(UsageError, match="other options"):
        saved.train(other, videos, seen, folds, out=tmp_path)


def test_videos_without_expressions_teach_nothing() -> None:
    videos, seen = made_up(2)
    recipe = registry.create("recognizers", "softnet:epochs=1")
    quiet = [LongVideo(v.key, v.subject, v.frames, v.landmarks, v.fps, ()) for v in videos.videos]
    with pytest.raises(UnreadableData, match="cannot be trained"):
        saved.train(recipe, LongVideos("made", tuple(quiet), EMOTIONS), seen, [("p0",), ("p1",)])


def test_weights_of_another_spotter_are_refused(tmp_path: Path) -> None:
    card = {"schema": saved.SCHEMA, "spotter": "me-tst", "options": {}, "emotions": [], "folds": {}}
    (tmp_path / saved.CARD).write_text(json.dumps(card))
    with pytest.raises(UnreadableWeights, match="describes 'me-tst'"):
        registry.create("recognizers", f"softnet:weights={tmp_path}")
    (tmp_path / saved.CARD).write_text(json.dumps({**card, "spotter": "softnet", "folds": {"a": "../x.safetensors"}}))
    with pytest.raises(UnreadableWeights, match="not a file beside it"):
        registry.create("recognizers", f"softnet:weights={tmp_path}")
    (tmp_path / saved.CARD).write_text("[1]")
    with pytest.raises(UnreadableWeights, match="not a card"):
        registry.create("recognizers", f"softnet:weights={tmp_path}")


def test_moments_are_labelled_by_the_frames_they_span() -> None:
    seen = moving([], 0, frames=60)
    present, emotion = pseudo_labels(seen, [Interval(20, 24, 29, "positive"), Interval(30, 33, 40)], EMOTIONS)
    for i, place in enumerate(seen.places):
        frames = set(range(int(place - DISTANCE / 2), int(place + DISTANCE / 2) + 1))
        first, second = len(frames & set(range(20, 30))), len(frames & set(range(30, 41)))
        assert present[i] == float(first + second > 0)
        if first != second:
            assert emotion[i] == (1 if first > second else NOBODY)
