"""Recognizers of frames and of whole clips: their contracts, what they are given, their parts against references."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mask.recognizers import _frames, _phrases, apex_cnn, causalnet, mer_clip, micron_bert, stcnn
from torch.nn import functional

from mask import registry
from mask.clip import Clip
from mask.conformance import check_recognizer
from mask.data.synthetic import create
from mask.errors import UsageError
from mask.faces import aligned_pair
from mask.flow import encode, flow_map, tvl1
from mask.torch_recognizer import Trainable
from mask.weights import fill, read_state, write_state

CLIPS = [c.with_frames(np.asarray(c.frames)) for c in create(subjects=1, repeats=1, size=96).clips[1:3]]
SMALL = {
    "apex-cnn": "size=32,width=0.1",
    "stcnn": "size=16",
    "causalnet": "size=16,width=8",
    "micron-bert": "size=32,width=16,depth=1,heads=2,pretrain=1",
    "mpfnet-p": "size=32,frames=3,width=0.05,prior=1",
    "mpfnet-c": "size=32,frames=3,width=0.05,prior=1",
    "mer-clip": "size=16,frames=4,patch=8,width=16,depth=1",
}


def untrained(name: str, seed: int = 0) -> Trainable:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made: Trainable = registry.create("recognizers", f"{name}:{SMALL[name]}")
    return made


def still(levels: list[int], onset: int, apex: int, offset: int) -> Clip:
    """A clip whose frames are of one grey each."""
    frames = np.broadcast_to(np.array(levels, dtype=np.uint8)[:, None, None, None], (len(levels), 40, 40, 3))
    points = np.stack([np.asarray(CLIPS[0].points(0))] * len(levels)) * (40 / 96)
    moments = {"onset": onset, "apex": apex, "offset": offset}
    return Clip("a/b", "a", None, "made", frames=np.ascontiguousarray(frames), landmarks=points, **moments)


@pytest.mark.parametrize("name", SMALL)
def test_contract(name: str) -> None:
    facts = check_recognizer(untrained(name), CLIPS)
    assert facts.deterministic
    assert facts.differentiable, "gradients reach the pixels"
    assert facts.gradient_error is not None
    assert facts.batch_difference < 1e-4


@pytest.mark.parametrize("name", SMALL)
def test_what_it_is_given_and_logits_of_pixels_agree(name: str) -> None:
    """The labels are in the order of the outputs, and the attacked graph is the one that answers."""
    model = untrained(name).fresh(("a", "b", "c"))
    model.module.eval()
    clip = CLIPS[0]
    if isinstance(model, causalnet.CausalNet):
        shown = model._moments(clip)
    elif model.reads == "video":
        shown = _frames.clip_frames(clip, model.size, model.frames)  # type: ignore[attr-defined]
    else:
        shown = aligned_pair(clip, model.size)
    video = torch.from_numpy(np.asarray(shown)[None]).permute(0, 4, 1, 2, 3).float() / 255
    told = model.logits(video).softmax(dim=1)
    np.testing.assert_allclose(told.detach().numpy(), model.predict([clip]).probabilities, atol=3e-3)


@pytest.mark.parametrize("name", [n for n in SMALL if n != "mpfnet-p"])  # trained by the same lines as mpfnet-c
def test_training_leaves_the_recipe_alone_and_is_repeatable(name: str, tmp_path: Path) -> None:
    recipe = untrained(name)
    recipe.epochs = 1
    rows = np.stack([row for row in recipe.inputs([*CLIPS, *CLIPS]) if row is not None])
    targets = np.array([0, 1, 0, 1])
    before = {k: v.clone() for k, v in recipe.module.state_dict().items()}
    learnt, again = (recipe.fit(rows, targets, ("calm", "moved"), 3) for _ in range(2))
    assert all(torch.equal(v, before[k]) for k, v in recipe.module.state_dict().items())
    assert all(torch.equal(v, again.module.state_dict()[k]) for k, v in learnt.module.state_dict().items())
    assert learnt.labels == ("calm", "moved")
    write_state(learnt.module, tmp_path / "w.safetensors")
    other = recipe.fresh(("calm", "moved"))
    fill(other.module, read_state(tmp_path / "w.safetensors"), tmp_path)
    other.module.eval()
    np.testing.assert_array_equal(other.judge(list(rows)).probabilities, learnt.judge(list(rows)).probabilities)


@pytest.mark.parametrize("name", SMALL)
def test_it_names_its_source_differences_and_labels(name: str) -> None:
    told = importlib.import_module(f"mask.recognizers.{name.replace('-', '_')}").__doc__ or ""
    assert all(word in told for word in ("Source:", "Differences from the paper", "Labels:", "negative"))


def test_the_frames_of_a_clip_are_spread_from_onset_to_offset() -> None:
    clip = still([0, 10, 20, 30, 40, 50, 250], 1, 2, 5)
    assert _frames.clip_frames(clip, 8, 5)[:, 4, 4, 0].tolist() == [10, 20, 30, 40, 50]
    assert _frames.clip_frames(clip, 8, 3)[:, 4, 4, 0].tolist() == [10, 30, 50]
    assert _frames.clip_frames(clip, 8, 9)[:, 4, 4, 0].tolist() == [10, 20, 20, 30, 30, 40, 40, 50, 50]
    assert _frames.clip_frames(clip, 8, 9, blend=True)[:, 4, 4, 0].tolist() == [10, 15, 20, 25, 30, 35, 40, 45, 50]


def test_a_clip_without_an_offset_ends_with_its_apex() -> None:
    clip = still([0, 10, 20, 30], 1, 3, 0)
    assert _frames.clip_frames(clip, 8, 3)[:, 4, 4, 0].tolist() == [10, 20, 30]
    lone = still([0, 10], 1, 1, 0)
    assert _frames.clip_frames(lone, 8, 3, blend=True)[:, 4, 4, 0].tolist() == [10, 10, 10]


@pytest.mark.parametrize("name", SMALL)
def test_a_clip_without_a_face_is_told(name: str) -> None:
    bare = Clip("a/c", "a", None, "made", frames=np.full((4, 60, 60, 3), 90, dtype=np.uint8), apex=2, offset=3)
    model = untrained(name)
    assert model.inputs([bare, CLIPS[0]])[0] is None
    assert model.predict([bare, CLIPS[0]]).status == ("no_face", "ok")


def test_frames_of_a_clip_are_varied_alike() -> None:
    video = torch.rand(6, 3, 1, 20, 20, generator=torch.Generator().manual_seed(0)).expand(-1, -1, 4, -1, -1)
    made = _frames.varied(video.clone(), torch.Generator().manual_seed(1))
    assert torch.equal(made, made[:, :, :1].expand_as(made))
    assert 0 <= made.min() <= made.max() <= 1
    assert not torch.equal(made, video)


def test_magnification_is_linear_in_what_changed_and_keeps_the_onset() -> None:
    first, change = torch.rand(2, 3, 1, 12, 12), torch.rand(2, 3, 1, 1, 1).expand(-1, -1, -1, 12, 12)
    video = torch.cat([first, first + change], dim=2)
    made = _frames.magnified(video, 4.0)
    torch.testing.assert_close(made[:, :, :1], first)
    torch.testing.assert_close(made[:, :, 1:], first + 5 * change)
    assert torch.equal(_frames.magnified(video, 0.0), video)


def test_without_magnification_the_apex_cnn_sees_nothing_of_the_onset() -> None:
    video = torch.rand(1, 3, 2, 32, 32)
    other = torch.stack([1 - video[:, :, 0], video[:, :, 1]], dim=2)
    plain, magnified = (apex_cnn.Network(3, 32, 0.1, gain).eval() for gain in (0.0, 10.0))
    assert torch.equal(plain(video), plain(other))
    assert not torch.allclose(magnified(video), magnified(other))


def test_the_apex_cnn_has_the_convolutions_of_vgg_16() -> None:
    with torch.device("meta"):
        network = apex_cnn.Network(1000)
    norms = sum(p.numel() for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d) for p in m.parameters())
    # 138,357,544 parameters are VGG-16's; the biases of its 4,224 kernels are those of the normalisation here.
    assert sum(p.numel() for p in network.parameters()) - norms + 4_224 == 138_357_544


def test_stcnn_has_as_many_parameters_as_published_layers() -> None:
    network = stcnn.Network(3, 64, 18, False)
    # 32 kernels of 15 x 3 x 3; 62 x 62 x 4 cells become 20 x 20 x 1; 128 hidden units.
    assert sum(p.numel() for p in network.parameters()) == 32 * (135 + 1) + 128 * (32 * 400 + 1) + 3 * 129


def test_stcnn_normalises_by_its_training_clips() -> None:
    model = untrained("stcnn")
    model.epochs = 1
    rows = np.random.default_rng(0).integers(0, 200, (5, 18, 16, 16, 3), dtype=np.uint8)
    learnt = model.fit(rows, np.arange(5) % 2, ("a", "b"), 0)
    luma = rows.astype(float) @ [0.299, 0.587, 0.114] / 255
    network: stcnn.Network = learnt.module  # type: ignore[assignment]
    assert float(network.mean) == pytest.approx(luma.mean(), abs=1e-5)
    assert float(network.spread) == pytest.approx((luma - luma.mean()).max(), abs=1e-5)


def test_stcnn_without_the_face_sees_change_alone() -> None:
    network = stcnn.Network(3, 16, 18, still=True).eval()
    video = torch.rand(2, 3, 18, 16, 16)
    torch.testing.assert_close(network(video), network(video + torch.rand(2, 3, 1, 16, 16)), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(network(video), network(video.flip(2)))


def test_causalnet_has_as_many_parameters_as_published() -> None:
    with torch.device("meta"):
        network = causalnet.Network(3, 256)
    assert sum(p.numel() for p in network.parameters()) == 276_590_089


def test_causalnet_is_given_the_flow_before_and_after_the_apex() -> None:
    model = untrained("causalnet")
    clip = CLIPS[0]
    (row,) = model.inputs([clip])
    assert row is not None
    shown = model._moments(clip)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(row[0], flow_map(shown[0], shown[1], method="tvl1"))
    np.testing.assert_array_equal(row[1], flow_map(shown[1], shown[2], method="tvl1"))


def test_directions_say_where_and_not_how_fast() -> None:
    maps = torch.zeros(2, 3, 1, 4)
    maps[0, 0, 0], maps[0, 1, 0] = torch.tensor([200.0, 0, 120, 0]), torch.tensor([0.0, 200, 120, 0])
    maps[1] = maps[0] / 2
    fast, slow = causalnet.directions(maps)
    np.testing.assert_allclose(fast[0, 0], [255, 0, 255 * 0.5**0.5, 0], atol=0.1)
    np.testing.assert_allclose(fast[1, 0], [0, 255, 255 * 0.5**0.5, 0], atol=0.1)
    np.testing.assert_allclose(fast[2, 0], [0, 255, 127.5, 0], atol=2)
    torch.testing.assert_close(fast, slow, atol=2, rtol=0)


def test_cells_across_the_corner_tell_nothing_and_take_their_share() -> None:
    heed = causalnet.Heed(8, 0.5).double()
    x = torch.randn(1, 4, 8, dtype=torch.float64, requires_grad=True)
    context = torch.randn(1, 4, 8, dtype=torch.float64, requires_grad=True)
    for cell, across in ((0, 3), (1, 2), (2, 1), (3, 0)):
        (slope,) = torch.autograd.grad(heed(x, context)[0, cell].sum(), context)
        assert (slope[0].abs().sum(1) > 0).tolist() == [k != across for k in range(4)]
    with torch.no_grad():
        heed.ask.weight.zero_()
        heed.ask.bias.zero_()
        seen = heed(x, torch.ones_like(context)) - heed.tell.bias
        whole = functional.linear(heed.offer(torch.ones(8, dtype=torch.float64)).chunk(2)[1], heed.tell.weight)
    # With equal scores of 0 a cell keeps 3 / (3 + exp(-0.5 (j + 1))), j the cell across.
    shares = [3 / (3 + np.exp(-0.5 * (j + 1))) for j in (3, 2, 1, 0)]
    np.testing.assert_allclose(seen[0] / whole, np.broadcast_to(np.array(shares)[:, None], (4, 8)), rtol=1e-9)


def test_time_runs_one_way_in_each_reading() -> None:
    """What a reading makes of its first moment does not depend on the second."""
    block = causalnet.CausalAttention(8).double()
    before, after = (torch.randn(1, 4, 8, dtype=torch.float64, requires_grad=True) for _ in range(2))
    first, last = block._read(before, after)
    assert torch.autograd.grad(first.sum(), after, allow_unused=True)[0] is None
    slope = torch.autograd.grad(last.sum() + (last**2).sum(), before)[0]
    assert slope.abs().sum() > 0


def test_causalnet_sees_the_attacked_maps_as_its_own() -> None:
    model = untrained("causalnet")
    video = torch.rand(1, 3, 3, 16, 16)
    grey = _frames.grey(video)
    maps = [encode(tvl1(grey[:, :, i], grey[:, :, i + 1])) for i in (0, 1)]
    torch.testing.assert_close(model.logits(video), model.answer(torch.stack(maps, dim=1)))


def test_mirrored_clips_of_causalnet_mirror_both_maps() -> None:
    rows = torch.randint(0, 256, (40, 2, 28, 28, 3), dtype=torch.uint8)
    made = untrained("causalnet").vary(rows, torch.Generator().manual_seed(0)).permute(0, 1, 3, 4, 2)
    turned = rows.flip(3).float()
    turned[..., 0] = 255 - turned[..., 0]
    kept = (made == rows).flatten(1).all(1)
    assert (kept ^ (made == turned).flatten(1).all(1)).all()
    assert 8 < int(kept.sum()) < 32


def test_micro_attention_is_the_diagonal_of_attention() -> None:
    micro = micron_bert.MicroAttention(4)
    now, before = torch.randn(2, 2, 5, 4).unbind()
    found = micro.found(now, before).detach().numpy()
    for n in range(2):
        query, key = micro.ask(now[n]).detach().numpy(), micro.key(before[n]).detach().numpy()
        for i in range(5):
            score = np.exp(key @ query[i] / 2)
            assert found[n, i] == pytest.approx(score[i] / score.sum(), rel=1e-5)


def test_every_place_is_another() -> None:
    told = micron_bert.places(6, 16)
    assert told.shape == (36, 16)
    assert float(torch.cdist(told, told).add(torch.eye(36)).min()) > 0.1
    torch.testing.assert_close(told.view(6, 6, 16).transpose(0, 1)[..., :8], told.view(6, 6, 16)[..., 8:])


def test_restoring_is_learnt_without_labels() -> None:
    """Equal clips under shuffled labels: what the network restores improves, and its classifier is as it was."""
    model = untrained("micron-bert")
    network: micron_bert.Network = model.module  # type: ignore[assignment]
    restoring = micron_bert.Restoring(network, 16, 1, 2, 8)
    rows = torch.from_numpy(np.stack([r for r in model.inputs(CLIPS) if r is not None]))
    video = model.tensor(list(rows.numpy()))
    swapped = torch.zeros(2, 1, 32, 32, dtype=torch.bool)
    swapped[:, :, :16] = True
    start = float(restoring(video, swapped).detach())
    optimiser = torch.optim.Adam(restoring.parameters(), lr=3e-3)
    for _ in range(60):
        optimiser.zero_grad()
        restoring(video, swapped).backward()
        optimiser.step()
    assert float(restoring(video, swapped).detach()) < start / 3
    assert network.fc[1].weight.grad is None


def test_units_are_put_into_words() -> None:
    for units, words in (
        (("AU1", "AU2"), ["raising the inner part of the brows", "raising the outer part of the brows"]),
        (("L14B?",), ["dimpling the left corners of the lips"]),
        (("R10", "T25"), ["raising the right upper lip", "parting the lips"]),
        (("AU99", "whatever"), []),
        ((), []),
    ):
        assert [_phrases.texts()[i] for i in _phrases.coded(units).nonzero()[0]] == words
    assert len(set(_phrases.texts())) == len(_phrases.texts())


def test_texts_that_share_words_are_alike() -> None:
    network = mer_clip.Network(3, 16, 4, 8, 64, 1, 4)
    rows = [("AU1",), ("AU2",), ("L1",), ("AU24",), ("AU1", "AU2")]
    told = network.told(torch.from_numpy(np.stack([_phrases.coded(r) for r in rows])))
    alike = told @ told.T
    torch.testing.assert_close(alike.diagonal(), torch.ones(5))
    assert alike[0, 1] > 0.5, "inner and outer brows"
    assert alike[0, 2] > 0.7, "both and one side"
    assert alike[0, 4] > alike[0, 1]
    assert alike[0, 3].abs() < 0.4, "brows and lips"


def test_what_a_clip_is_coded_as_reaches_the_loss_and_no_answer() -> None:
    model = untrained("mer-clip")
    assert isinstance(model, mer_clip.MERCLIP)
    coded, bare = (replace(CLIPS[0], action_units=u) for u in (("AU4", "AU7"), ()))
    np.testing.assert_array_equal(model.predict([coded]).probabilities, model.predict([bare]).probabilities)
    rows = torch.from_numpy(np.stack([r for r in model.inputs([coded, bare]) if r is not None]))
    model._known = rows[:1, -len(_phrases.coded(())) :]
    given, weights = model.tensor(list(rows.numpy())), torch.ones(3)
    targets = torch.tensor([1, 1])
    chance = model.logits(given).softmax(dim=1)[:, 1]
    focal = -((1 - chance) ** 2 * chance.log()).mean()
    torch.testing.assert_close(model.loss(given[1:], rows[1:], targets[1:], weights), focal)
    # One text known is one text found: only with another to be told from does the alignment cost anything.
    torch.testing.assert_close(model.loss(given, rows, targets, weights), focal)
    model._known = torch.cat([model._known, torch.from_numpy(_phrases.coded(("AU12",)))[None]])
    network = model.module
    seen = network.read(given[:1])[1] @ network.told(model._known).T / 0.07  # type: ignore[operator]
    expected = focal + 2 * functional.cross_entropy(seen, torch.tensor([0]))
    torch.testing.assert_close(model.loss(given, rows, targets, weights), expected)


def test_mer_clip_without_the_face_sees_change_alone() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = mer_clip.Network(3, 16, 4, 8, 16, 1, 4, still=True).eval()
        video, face = torch.rand(2, 3, 4, 16, 16), torch.rand(2, 3, 1, 16, 16)
    torch.testing.assert_close(network(video), network(video + face), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(network(video), network(video.flip(2)))


def test_focal_loss_weighs_classes_and_turns_to_what_is_hard() -> None:
    model = untrained("mer-clip")
    rows = torch.from_numpy(np.stack([r for r in model.inputs(CLIPS) if r is not None]))
    rows[:, -len(_phrases.coded(())) :] = 0
    given, weights = model.tensor(list(rows.numpy())), torch.tensor([1.0, 3.0, 1.0])
    chance = model.logits(given).softmax(dim=1)
    first, second = chance[0, 0], chance[1, 1]
    expected = -(((1 - first) ** 2 * first.log()) + 3 * ((1 - second) ** 2 * second.log())) / 4
    torch.testing.assert_close(model.loss(given, rows, torch.tensor([0, 1]), weights), expected)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("mer-clip:frames=5", "frames is 5"),
        ("mer-clip:size=100", "multiple of 16"),
        ("mer-clip:width=18", "width is 18"),
        ("mer-clip:depth=0", "depth is 0"),
        ("apex-cnn:size=40", "multiple of 32"),
        ("apex-cnn:gain=-1", "gain is -1"),
        ("apex-cnn:width=0", "width is 0"),
        ("stcnn:frames=10", "frames is 10"),
        ("stcnn:epochs=0", "epochs is 0"),
        ("causalnet:width=12", "multiple of 8"),
        ("causalnet:flow=magic", "expected one of"),
        ("micron-bert:size=100", "size is 100"),
        ("micron-bert:width=18", "width is 18"),
        ("micron-bert:depth=0", "depth is 0"),
    ],
)
def test_bad_options_are_told(spec: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        registry.create("recognizers", spec)
