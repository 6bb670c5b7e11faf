"""MPFNet-C: an I3D encoder with coordinate attention that works on what a first one found (Ma et al., 2025).

Source: C. Ma, S. Zhao, D. Zhou, Y. Pei, Z. Luo, L. Xie, Y. Yan, E. Yin, "MPFNet: A Multi-Prior Fusion Network with a
Progressive Training Strategy for Micro-Expression Recognition", arXiv 2506.09735, 2025, written from its abstract and
what others tell of it: the clip brought to 11 frames of 128 x 128 and magnified; between each two the optical flow and
the difference of the frames, five channels of ten moments; a generic and an advanced feature encoder, inflated
Inception networks with coordinate attention, whose priors are learnt by metric-based meta-learning and then fused in
cascade: the advanced encoder goes on from the maps of the generic one's first inception modules, and its features
alone are classified. Labels: those it is trained on; untrained, negative, positive, surprise.

Differences from the paper: both priors are learnt on the training clips, by prototypes of the classes, first the
generic and then, with that one at rest, the advanced; what other material the paper learns them from is not here. Then
everything is trained on the labels. Frames in between are mixtures in time, in place of learnt interpolation;
magnification is the linear Eulerian formula; TV-L1 in place of FlowNet 2; the face box in place of a commercial face
service. Where the attention stands among the modules, and where the cascade joins, is not known to us: here attention
ends each of the three groups, and the cascade joins after the first. `width` scales the network for machines without a
graphics card (1.0 is the paper's). Adam along a cosine, the last epoch; classes weighed; half of the clips mirrored.
"""

from __future__ import annotations

from torch import Tensor, nn

from . import _bank
from ._i3d import Stem, groups
from ._mpfnet import CHANNELS, MPFNet, PriorNetwork


class Network(PriorNetwork):
    """Maps ``float32 (N, 5, T, S, S)`` flow and differences to logits ``(N, K)``; S a multiple of 32."""

    def __init__(self, classes: int, width: float) -> None:
        super().__init__(classes, width)
        stem = Stem(CHANNELS, width)
        first, *rest = groups((0, 1, 2), stem.out, width)
        self.generic = nn.Sequential(stem, first, *rest)
        self.advanced = nn.Sequential(*groups((1, 2), first.out, width))
        self.fc = nn.Sequential(nn.Dropout(0.5), nn.Linear(rest[-1].out, classes))

    def features(self, given: Tensor) -> Tensor:
        found: Tensor = self.advanced(self.generic[:2](given)).mean(dim=(2, 3, 4))
        return found


class MPFNetC(MPFNet):
    """MPFNet-C on flow and differences between evenly spaced moments from onset to offset."""

    title = "mpfnet-c"
    network = Network


create = _bank.maker("mpfnet-c", MPFNetC)
