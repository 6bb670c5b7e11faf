"""The recognizers: their architectures against published counts and slow references, and what each looks at."""

from __future__ import annotations

import importlib
from itertools import product

import numpy as np
import pytest
import torch
from mask.recognizers import _pooled, htnet, lbp_top, off_apexnet, rcn, ststnet
from torch import Tensor
from torch.nn import functional

from mask import registry
from mask.clip import Clip
from mask.conformance import check_recognizer
from mask.data.synthetic import create
from mask.flow import encode
from mask.learn import Epoch, Lesson
from mask.torch_recognizer import Trainable
from tests.models import flow_clip, strained

FRAMES = [c.with_frames(np.asarray(c.frames)) for c in create(subjects=1, repeats=1, size=96).clips[1:3]]
FLOWS = [flow_clip(f"s{k}/a", strained([(4 + k, 10), (5, 11 + k)], 240 - 9 * k)) for k in range(4)]
OF_FLOW = ("ststnet", "off-apexnet", "dual-inception", "rcn:width=8", "htnet:width=12")


def maps(count: int = 3, seed: int = 0) -> Tensor:
    return 255 * torch.rand(count, 3, 28, 28, generator=torch.Generator().manual_seed(seed))


def untrained(spec: str, seed: int = 0) -> Trainable:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made: Trainable = registry.create("recognizers", spec)
    return made


@pytest.mark.parametrize(
    ("name", "options", "published"),
    [
        ("ststnet", (), 1_683),
        ("off_apexnet", (), 2_664_475),
        ("dual_inception", (), 6_449_867),
        ("htnet", (256,), 139_582_982),
    ],
)
def test_parameters_are_as_many_as_published(name: str, options: tuple[int, ...], published: int) -> None:
    with torch.device("meta"):
        network = importlib.import_module(f"mask.recognizers.{name}").Network(3, *options)
    assert sum(p.numel() for p in network.parameters()) == published


@pytest.mark.parametrize("spec", OF_FLOW)
def test_recognizers_of_flow_keep_their_contract(spec: str) -> None:
    with_size = f"{spec}{',' if ':' in spec else ':'}size=32,flow=farneback"
    model = untrained(with_size)
    # What lies between frames and maps is shared; tests/test_conformance.py goes through it with STSTNet.
    for clips in (FLOWS, FRAMES) if spec.startswith("htnet") else (FLOWS,):
        facts = check_recognizer(model, clips)
        assert facts.deterministic
        assert facts.differentiable, "through flow and stretch too"
        assert facts.gradient_error is not None
        assert facts.batch_difference < 1e-4
    assert model.predict(FRAMES).status == ("ok", "ok")


def test_the_classical_baseline_keeps_its_contract_and_claims_no_gradient() -> None:
    model = untrained("lbp-top:size=24")
    facts = check_recognizer(model, FRAMES)
    assert facts.deterministic
    assert not facts.differentiable
    assert facts.gradient_error is None
    assert model.gradient(FRAMES[0], "negative") is None


@pytest.mark.parametrize("spec", OF_FLOW)
def test_motion_in_another_place_is_told_apart(spec: str) -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(100, 156, (24, 28, 28, 3), dtype=np.uint8)
    classes = np.arange(24) % 3
    for row, k in zip(rows, classes, strict=True):
        row[3 + 8 * k : 9 + 8 * k, 6:22, 1:] = 255
    model = untrained(spec)
    model.epochs, model.rate = 15, 3e-3
    learnt = model.fit(rows[:12], classes[:12], model.labels, 0)
    assert learnt.judge(list(rows[12:])).names == tuple(model.labels[k] for k in classes[12:])


@pytest.mark.parametrize("spec", ["off-apexnet", "dual-inception"])
def test_recognizers_of_u_and_v_do_not_look_at_strain(spec: str) -> None:
    model, given = untrained(spec), maps()
    other = given.clone()
    other[:, 2] = 7
    assert torch.equal(model.answer(given), model.answer(other))
    other[:, 1] = 7
    assert not torch.allclose(model.answer(given), model.answer(other))


def test_the_streams_of_off_apexnet_are_apart() -> None:
    network = off_apexnet.Network(3)
    given = maps(1).requires_grad_()
    features = network.streams(off_apexnet.centred(given[:, :2]))
    (slope,) = torch.autograd.grad(features[:, :16].sum(), given)
    assert slope[:, 0].any()
    assert not slope[:, 1].any()


@pytest.mark.parametrize("spec", OF_FLOW)
def test_mirrored_maps_are_the_maps_of_mirrored_faces(spec: str) -> None:
    flow = torch.randn(40, 2, 56, 56, generator=torch.Generator().manual_seed(0))
    face, mirrored = (
        encode(f).permute(0, 2, 3, 1).round().to(torch.uint8)
        for f in (flow, flow.flip(-1) * torch.tensor([-1, 1]).view(1, 2, 1, 1))
    )
    made = untrained(spec).vary(face, torch.Generator().manual_seed(0)).permute(0, 2, 3, 1)
    plain, turned = ((made - x.float()).abs().amax(dim=(1, 2, 3)) <= 1.01 for x in (face, mirrored))
    assert (plain ^ turned).all()
    assert 8 < int(turned.sum()) < 32


class Plain(ststnet.Network):
    """STSTNet layer by layer, as the paper has it."""

    def forward(self, maps: Tensor) -> Tensor:
        streams = []
        for i in (1, 2, 3):
            x = functional.relu(getattr(self, f"conv{i}")(maps.flip(1)))
            streams.append(self.dropout(functional.max_pool2d(getattr(self, f"bn{i}")(x), 3, 3, 1)))
        return self.fc(functional.avg_pool2d(torch.cat(streams, dim=1), 2, 2).flatten(1))


@pytest.mark.parametrize("gain", [1.0, -0.5], ids=["rising", "falling"])
@pytest.mark.parametrize("training", [True, False])
def test_the_fast_ststnet_is_the_plain_one(gain: float, training: bool) -> None:
    fast, plain = ststnet.Network(3, dropout=0.0).double(), Plain(3, dropout=0.0).double()
    with torch.no_grad():
        fast.bn2.weight[1] = gain
        fast.bn3.bias.uniform_(-1, 1)
    plain.load_state_dict(fast.state_dict())
    given, targets = maps(6).double(), torch.arange(6) % 3
    slopes = []
    for network in (fast, plain):
        network.train(training)
        loss = functional.cross_entropy(network(given), targets)
        slopes.append(torch.autograd.grad(loss, list(network.parameters())))
    for one, other in zip(*slopes, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)
    for (name, one), other in zip(fast.state_dict().items(), plain.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other, msg=name)


def test_the_pooled_normalisation_has_the_gradient_of_its_values() -> None:
    x, gain, bias = (torch.randn(s, dtype=torch.float64) for s in ((2, 3, 7, 7), (3,), (3,)))
    given = [x.requires_grad_(), gain.abs().requires_grad_(), bias.requires_grad_()]
    assert torch.autograd.gradcheck(lambda a, b, c: _pooled.pooled_norm(a * 1, b, c, 1e-5)[0], given)


def test_the_attention_of_rcn_is_the_class_activation_map() -> None:
    network = rcn.Network(3, 4).eval()
    low = torch.rand(2, 4, 12, 12)
    small = functional.adaptive_avg_pool2d(low, 5).detach().numpy()
    weights = network.fc.weight.detach().numpy().reshape(3, 4, 5, 5)
    expected = np.zeros((2, 1, 5, 5))
    for n, k in product(range(2), range(3)):
        seen = sum(weights[k, c] * small[n, c] for c in range(4))
        expected[n, 0] += (seen - seen.min()) / (seen - seen.min()).max() / 3
    np.testing.assert_allclose(network._attention(low).detach().numpy(), expected, atol=1e-5)
    assert torch.isfinite(network._attention(torch.zeros(1, 4, 12, 12))).all()


def test_the_recurrent_convolution_uses_its_weights_twice() -> None:
    layer = rcn.RecurrentConvolution(2).eval()
    x = torch.rand(1, 2, 6, 6)
    y = layer.again(x + layer.first(x))
    torch.testing.assert_close(layer(x), layer.again(x + y))


def test_htnet_sees_eyes_above_the_corners_of_the_mouth() -> None:
    network = htnet.Network(3, 12)
    seen: list[Tensor] = []
    network.embed.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    cells = torch.arange(28 * 28.0).view(1, 1, 28, 28).expand(1, 3, 28, 28)
    network(cells)
    canvas = ((seen[0][0, 0] + 1) * 127.5).round().long()
    places = {(r, c): divmod(int(canvas[r, c]), 28) for r, c in product((0, 27), repeat=2)}
    # Rows 7.5 and 17.5 to 18 are where the eyes and the mouth of the published maps lie.
    left_eye, right_eye, left_mouth, right_mouth = htnet.areas()
    assert left_eye[0] == right_eye[0] == 1
    assert left_mouth[0] == right_mouth[0] == 11
    assert left_eye[1] < 7 < right_eye[1]
    assert left_mouth[1] < 7 < right_mouth[1]
    assert places[0, 0] == left_eye
    assert places[0, 27] == (right_eye[0], right_eye[1] + 13)
    assert places[27, 0] == (left_mouth[0] + 13, left_mouth[1])
    assert places[27, 27] == (right_mouth[0] + 13, right_mouth[1] + 13)
    assert all(0 <= r <= 14 and 0 <= c <= 14 for r, c in htnet.areas())


def test_htnet_attends_within_areas_only() -> None:
    """Areas of two by two tokens: what one token is told depends on its area and on nothing else."""
    level = htnet.Level(6, 3, 2, grid=4, blocks=2).double()
    x = torch.randn(1, 6, 4, 4, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(level(x)[0, :, 0, 1].sum(), x)
    assert (slope[0].abs().sum(0) > 0).tolist() == [[r < 2 and c < 2 for c in range(4)] for r in range(4)]


def naive_lbp_top(video: np.ndarray) -> np.ndarray:
    """Pixel by pixel, straight from the definition."""
    t_, h, w = video.shape
    found = []
    for a, b in (((0, 1, 0), (0, 0, 1)), ((4, 0, 0), (0, 0, 1)), ((4, 0, 0), (0, 1, 0))):
        counts = np.zeros((25, 16))
        for t, y, x in product(range(4, t_ - 4), range(1, h - 1), range(1, w - 1)):
            code = 0
            for bit, (step, sign) in enumerate(((a, 1), (b, 1), (a, -1), (b, -1))):
                dt, dy, dx = (sign * s for s in step)
                code |= int(video[t + dt, y + dy, x + dx] >= video[t, y, x]) << bit
            block = 5 * ((y - 1) * 5 // (h - 2)) + (x - 1) * 5 // (w - 2)
            counts[block, code] += 1
        found.append(counts / counts.sum(axis=1, keepdims=True))
    return np.concatenate(found).ravel()


def test_lbp_top_is_its_definition(rng: np.random.Generator) -> None:
    videos = rng.integers(0, 4, (2, 11, 9, 13)).astype(np.float32)
    found = lbp_top.lbp_top(torch.from_numpy(videos)).numpy()
    for video, told in zip(videos, found, strict=True):
        np.testing.assert_allclose(told, naive_lbp_top(video), atol=1e-6)


def test_lbp_top_does_not_see_brightness_and_contrast(rng: np.random.Generator) -> None:
    video = torch.from_numpy(rng.random((1, 10, 12, 12)))
    assert torch.equal(lbp_top.lbp_top(video), lbp_top.lbp_top(3 * video + 0.2))
    still = lbp_top.lbp_top(video[:, :1].expand(-1, 10, -1, -1)).view(3, 25, 16)
    # In a clip that stands still both neighbours in time equal the centre: bits 0 and 2 of XT and YT are always set.
    assert still[1:, :, [c for c in range(16) if c & 5 != 5]].sum() == 0


@pytest.mark.parametrize("shape", [(1, 8, 12, 12), (1, 9, 6, 12), (9, 12, 12)])
def test_lbp_top_tells_of_clips_too_small(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="at least"):
        lbp_top.lbp_top(torch.zeros(shape))


def test_the_frames_of_a_clip_are_brought_to_one_number() -> None:
    levels = np.array([0, 0, 100, 200, 200], dtype=np.uint8)
    frames = np.broadcast_to(levels[:, None, None, None], (5, 40, 40, 3))
    points = np.stack([np.asarray(p) for p in [FRAMES[0].points(0)] * 5]) * (40 / 96)
    clip = Clip(
        "a/b", "a", None, "made", frames=np.ascontiguousarray(frames), landmarks=points, onset=1, apex=2, offset=3
    )
    volume = lbp_top.LbpTop(("a", "b"), size=8, frames=9)._volume(clip)
    np.testing.assert_allclose(volume[:, 4, 4] * 255, np.linspace(0, 200, 9), atol=0.01)


def test_the_linear_machine_is_optimal(rng: np.random.Generator) -> None:
    """The objective is convex: where its slope, worked out by hand here, is zero, there is nothing better."""
    seen, classes = rng.random((40, 1200)).astype(np.float32), rng.integers(0, 3, 40)
    model = lbp_top.LbpTop(("a", "b", "c"), cost=0.5)
    told: list[Epoch] = []
    model.learn(
        Lesson(
            torch.from_numpy(seen), torch.from_numpy(classes), 3, torch.Generator(), each=lambda e, _: told.append(e)
        )
    )
    weight, bias = (p.detach().double().numpy() for p in model.module.parameters())
    share = 0.5 * 40 / (3 * np.bincount(classes, minlength=3))[classes][:, None]
    side = np.where(classes[:, None] == np.arange(3), 1, -1)
    slack = np.maximum(0, 1 - side * (seen @ weight.T + bias))
    assert told[0].loss == pytest.approx(((weight**2).sum() / 2 + (share * slack**2).sum()) / 40, rel=1e-5)
    pull = -2 * share * side * slack
    assert np.abs(weight + pull.T @ seen).max() < 1e-4
    assert np.abs(pull.sum(axis=0)).max() < 1e-4


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("htnet:width=2", "width is 2"),
        ("rcn:width=0", "width is 0"),
        ("off-apexnet:epochs=0", "epochs is 0"),
        ("dual-inception:flow=magic", "expected one of"),
        ("lbp-top:frames=8", "at least 9"),
        ("lbp-top:cost=0", "positive"),
    ],
)
def test_bad_options_are_told(spec: str, said: str) -> None:
    with pytest.raises(Exception, match=said):
        registry.create("recognizers", spec)


def test_every_trainable_names_its_source_differences_and_labels() -> None:
    for name in ("ststnet", "off_apexnet", "dual_inception", "rcn", "htnet", "lbp_top"):
        told = importlib.import_module(f"mask.recognizers.{name}").__doc__ or ""
        assert all(word in told for word in ("Source:", "Differences", "negative"))
