"""SFAMNet: three streams with attention over a scene flow; spots and recognises (Liong et al., Neurocomputing 2024).

Source: G.-B. Liong, S.-T. Liong, C. S. Chan, J. See, "SFAMNet: A Scene Flow Attention-based Micro-expression Network",
Neurocomputing 566, 2024, and its release (github.com/genbing99/SFAMNet, BSD 3-Clause, Universiti Malaya): one model per
held-out subject of CAS(ME)^3, 100 for four emotions and 100 for seven, written anew with the names and shapes of their
tensors, 7,249 and 8,428 numbers. The normalisations it declares and never applies are kept, so that weights load.
Label order of the release: negative, positive, surprise, others; or disgust, surprise, others, fear, anger, sadness,
happiness; a last one, neutral, was never trained and is not asked.

What it reads is the motion in three dimensions from a camera with depth. A clip has no depth. Trained here, it reads
optical strain in place of the motion in depth (``third=strain``), by way of MASK's own training: ten epochs of moments
of nothing and of expressions in equal number, half of them mirrored, where the release takes 1,000 steps of 1,024 at
1e-4. The published weights are run only on ``third=zero``, without any motion in depth, which is not what they were
trained on; the order of the three maps (here u, v, depth) and the scale of the flow are not documented. Their scores
(UF1 .4462 on four emotions) say nothing about that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mask.errors import UnreadableWeights, UsageError
from mask.spot import weights as saved
from mask.spot.learn import TrainableSpotter
from mask.spot.motion import SPAN, Motion
from mask.spot.peaks import SHARE
from mask.spot.spotter import FoldedSpotter
from mask.weights import fill, read_state, sha256

from ._bank import MEGC
from ._maps import mirrored, stacked

FOUR = ("negative", "positive", "surprise", "others")
SEVEN = ("disgust", "surprise", "others", "fear", "anger", "sadness", "happiness")
_THIRD = ("strain", "zero")


class _Gate(nn.Module):
    """A convolution and a normalisation that is never applied, by their published names."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)
        self.bn = nn.BatchNorm2d(1)


class _Channels(nn.Module):
    """How much each of three channels counts, from its mean and its largest value."""

    def __init__(self) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Flatten(), nn.Linear(3, 1), nn.ReLU(), nn.Linear(1, 3))

    def forward(self, x: Tensor) -> Tensor:
        told = self.mlp(x.mean(dim=(2, 3))) + self.mlp(x.amax(dim=(2, 3)))
        weighed: Tensor = x * told.sigmoid()[..., None, None]
        return weighed


class _Places(nn.Module):
    """How much each place counts, from the largest and the mean of its channels."""

    def __init__(self) -> None:
        super().__init__()
        self.spatial = _Gate()

    def forward(self, x: Tensor) -> Tensor:
        told = self.spatial.conv(torch.stack([x.amax(dim=1), x.mean(dim=1)], dim=1))
        weighed: Tensor = x * told.sigmoid()
        return weighed


class _Attention(nn.Module):
    """Channels first, then places (Woo et al., CBAM, ECCV 2018)."""

    def __init__(self) -> None:
        super().__init__()
        self.ChannelGate, self.SpatialGate = _Channels(), _Places()

    def forward(self, x: Tensor) -> Tensor:
        weighed: Tensor = self.SpatialGate(self.ChannelGate(x))
        return weighed


class _Stream(nn.Module):
    """Two convolutions with attention, and around them a short cut; one map to three."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 3, 5, padding=2, bias=False)
        self.bn1 = nn.BatchNorm2d(3)
        self.conv2 = nn.Conv2d(3, 3, 5, padding=2, bias=False)
        self.bn2 = nn.BatchNorm2d(3)
        self.downsample = nn.Sequential(nn.Conv2d(1, 3, 1, bias=False))
        self.cbam = _Attention()

    def forward(self, x: Tensor) -> Tensor:
        out = self.cbam(self.conv2(self.conv1(x).relu()))
        return torch.relu(out + self.downsample(x))


class Network(nn.Module):
    """Maps ``float32 (N, 3, 42, 42)`` motion to scores ``(N,)`` before the sigmoid and logits ``(N, K)``.

    Args:
        outputs: emotions, and one more for the neutral face, which is not returned.
    """

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.c1, self.c2, self.c3 = (nn.Sequential(_Stream()) for _ in range(3))
        self.conv1, self.conv2 = (nn.Conv2d(9, 8, 5, padding=2) for _ in range(2))
        self.fc_spot, self.fc_recog = nn.Linear(392, 1), nn.Linear(392, outputs)
        self.near, self.far = nn.MaxPool2d(3), nn.MaxPool2d(3, 2, 1)

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        streams = (self.c1, self.c2, self.c3)
        x = torch.cat([self.near(stream(maps[:, i : i + 1])) for i, stream in enumerate(streams)], dim=1)
        score = self.fc_spot(self.far(self.conv1(x)).flatten(1))
        named = self.fc_recog(self.far(self.conv2(x)).flatten(1))
        return score[:, 0], named[:, :-1]


class SfamNet(TrainableSpotter):
    """SFAMNet on the motion of brows and mouth."""

    dials: ClassVar[tuple[str, ...]] = (*TrainableSpotter.dials, "third")
    part = 0.1

    def __init__(self, emotions: Sequence[str], *, third: str = "strain", **dials: Any) -> None:
        if third not in _THIRD:
            raise ValueError(f"third is {third!r}; expected {' or '.join(_THIRD)}")
        self.third = third
        super().__init__("sfamnet", emotions, **dials)

    def network(self, classes: int) -> nn.Module:
        return Network(classes + 1)

    def given(self, seen: Motion) -> Tensor:
        maps = stacked(seen)
        if self.third == "zero":
            maps[:, 2] = 0
        return maps

    def vary(self, given: Tensor, generator: torch.Generator) -> Tensor:
        """Mirror half of the maps, and make the motion of each up to a tenth weaker or stronger, as the release."""
        gain = 0.9 + 0.2 * torch.rand(len(given), generator=generator)
        return mirrored(given, generator) * gain.view(-1, 1, 1, 1)


def create(
    weights: str | None = None,
    third: str = "strain",
    epochs: int = 10,
    rate: float = 1e-3,
    span: float = SPAN,
    flow: str = "dis",
    share: float = SHARE,
) -> Any:
    """SFAMNet: trained here, or published (``subject_N.pkl``), when `weights` names a folder; untrained otherwise."""
    asked = {"third": third, "epochs": epochs, "rate": rate, "span": span, "flow": flow, "share": share}
    folder = None if weights is None else Path(weights)
    if folder is not None and not (folder / saved.CARD).is_file() and any(folder.glob("subject_*.pkl")):
        return _published(sorted(folder.glob("subject_*.pkl")), asked)
    return saved.create("sfamnet", SfamNet, weights, asked, MEGC)


def _published(files: Sequence[Path], asked: dict[str, Any]) -> FoldedSpotter:
    """The release: each model judges the subject of CAS(ME)^3 it was trained without."""
    if asked["third"] != "zero":
        raise UsageError(
            "the published weights of sfamnet read motion in depth, which clips do not have; add third=zero to run "
            "them without it, which is not what they were trained on"
        )
    folds = {}
    for path in files:
        number = re.fullmatch(r"subject_0*([0-9]+)", path.stem)
        if number is None:
            raise UnreadableWeights(f"{path} is not named after a subject; expected subject_NUMBER.pkl")
        state = read_state(path)
        outputs = len(state["fc_recog.bias"]) if "fc_recog.bias" in state else len(FOUR) + 1
        emotions = {len(FOUR) + 1: FOUR, len(SEVEN) + 1: SEVEN}.get(outputs, FOUR)
        model = SfamNet(emotions, **asked)
        fill(model.module, state, path)
        folds[f"spNO.{number[1]}"] = model
    if len({m.emotions for m in folds.values()}) > 1:
        raise UnreadableWeights(
            f"{files[0].parent} holds models of four and of seven emotions; give one of the folders"
        )
    told = {"weights": "published", "sha256": {p.name: sha256(p) for p in files}}
    return FoldedSpotter("sfamnet", folds, card={**told, "depth": "none: the third map is zero"})
