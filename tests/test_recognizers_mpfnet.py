"""MPFNet: its input against slow references, its attention and priors against their definitions, its steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mask.recognizers import _frames, _i3d, _mpfnet, mpfnet_c, mpfnet_p
from torch.nn import functional

from mask import registry
from mask.contracts import Recognizer
from mask.data.synthetic import create
from mask.digital.whitebox import OpenRecognizer
from mask.errors import InvalidPlan, UsageError
from mask.flow import flow
from mask.learn import Lesson

CLIP = create(subjects=1, repeats=1, size=96).clips[1]
WIDE = "size=32,frames=4,flow=dis,width=0.05"


def small(letter: str = "c", more: str = "") -> _mpfnet.MPFNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made: _mpfnet.MPFNet = registry.create("recognizers", f"mpfnet-{letter}:{WIDE}{more}")
    return made


def test_encoders_have_the_parameters_of_i3d() -> None:
    """The published I3D is 12,287,264 without its classifier on three channels; attention comes on top."""
    with torch.device("meta"):
        network = mpfnet_p.Network(3, 1.0)
    attention = sum(
        p.numel() for m in network.generic.modules() if isinstance(m, _i3d.CoordinateAttention) for p in m.parameters()
    )
    own = sum(p.numel() for p in network.generic.parameters()) - attention
    extra = 2 * 5 + 2 * 64 * 7**3  # the normalisation of the input, and two more channels
    assert own - extra == 12_287_264


def test_the_input_is_flow_and_change_from_moment_to_moment() -> None:
    model = small(more=",gain=0")
    (row,) = model.inputs([CLIP])
    assert row is not None
    assert row.shape == (5, 3, 32, 32)
    shown = _frames.clip_frames(CLIP, 32, 4, blend=True)
    for k in range(3):
        moved = flow(shown[k], shown[k + 1], method="dis")
        np.testing.assert_allclose(np.moveaxis(row[:2, k], 0, -1), moved, rtol=1e-3, atol=1e-3)
        changed = (shown[k + 1].astype(float) - shown[k]) / 255
        np.testing.assert_allclose(np.moveaxis(row[2:, k], 0, -1), changed, rtol=1e-3, atol=1e-4)


def test_gain_magnifies_what_is_between_moments() -> None:
    plain, more = (np.abs(small(more=f",gain={g}").inputs([CLIP])[0]).astype(float) for g in (0, 8))  # type: ignore[arg-type]
    assert more[:2].mean() > 2 * plain[:2].mean(), "flow"
    assert more[2:].mean() > 2 * plain[2:].mean(), "differences"


def test_mirrored_clips_move_the_other_way() -> None:
    rows = torch.randn(40, 5, 3, 8, 8).half()
    made = small().vary(rows, torch.Generator().manual_seed(0))
    turned = rows.float().flip(-1)
    turned[:, 0] *= -1
    kept = (made == rows.float()).flatten(1).all(1)
    assert (kept ^ (made == turned).flatten(1).all(1)).all()
    assert 8 < int(kept.sum()) < 32


def test_coordinate_attention_is_a_weight_per_moment_row_and_column() -> None:
    attention = _i3d.CoordinateAttention(6).eval()
    x = 1 + torch.rand(1, 6, 3, 4, 5)
    weight = (attention(x) / x)[0].detach()
    assert ((weight > 0) & (weight < 1)).all()
    apart = weight.log()
    # The logarithm of a product of three factors, each of one axis, has no mixed differences.
    for one, other in ((1, 2), (1, 3), (2, 3)):
        assert apart.diff(dim=one).diff(dim=other).abs().max() < 1e-4
    for axis in (1, 2, 3):
        assert apart.diff(dim=axis).abs().max() > 1e-4, "every axis matters"


def test_prototypes_are_the_class_means_of_the_first_half() -> None:
    features, targets = torch.randn(8, 3), torch.tensor([0, 2, 2, 0, 2, 0, 1, 0])
    unit = functional.normalize(features, dim=1).numpy()
    means = [unit[[0, 3]].mean(0), unit[[1, 2]].mean(0)]
    lost = []
    for i, own in ((4, 1), (5, 0), (7, 0)):  # the seventh is of a class without a mean
        score = np.exp([-10 * ((unit[i] - m) ** 2).sum() for m in means])
        lost.append(-np.log(score[own] / score.sum()))
    assert float(_mpfnet.prototypical(features, targets)) == pytest.approx(np.mean(lost), rel=1e-5)
    assert float(_mpfnet.prototypical(features, torch.tensor([0, 0, 0, 0, 1, 1, 1, 1]))) == 0


def test_the_generic_prior_rests_while_the_advanced_one_is_learnt() -> None:
    model = small()
    network = model.module  # type: ignore[assignment]
    rows = torch.randn(8, 5, 3, 32, 32).half()
    lesson = Lesson(rows, torch.arange(8) % 2, 3, torch.Generator().manual_seed(0))
    before = {k: v.clone() for k, v in network.state_dict().items()}
    model.prior = 1
    model._compare(lesson, network.features, [network.advanced], [network.generic])
    after = network.state_dict()
    moved = {k.split(".")[0] for k in before if not torch.equal(before[k], after[k])}
    assert moved == {"advanced"}, "weights and statistics of the generic encoder stay"


def test_the_cascade_goes_on_from_the_first_group_and_the_parallel_one_stands_beside() -> None:
    for network, used, beside in ((mpfnet_c.Network(3, 0.05), "01", False), (mpfnet_p.Network(3, 0.05), "0123", True)):
        given = torch.randn(4, 5, 3, 32, 32)
        network(given).square().sum().backward()
        assert {
            n.split(".")[1] for n, p in network.named_parameters() if n[:7] == "generic" and p.grad is not None
        } == {*used}
        wide = network.basics(given).shape[1]
        assert network.features(given).shape[1] == (2 * wide if beside else wide)


def test_an_attack_with_gradients_on_a_recognizer_of_whole_clips_is_told() -> None:
    recognizer: Recognizer = small()
    with pytest.raises(InvalidPlan, match="whole clips"):
        OpenRecognizer(recognizer, CLIP, lambda _: None)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("mpfnet-p:size=100", "multiple of 32"),
        ("mpfnet-p:flow=magic", "expected one of"),
        ("mpfnet-c:frames=1", "frames is 1"),
        ("mpfnet-c:gain=-1", "gain is -1"),
        ("mpfnet-c:prior=-1", "prior is -1"),
        ("mpfnet-c:width=3", "width is 3"),
    ],
)
def test_bad_options_are_told(spec: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        registry.create("recognizers", spec)
