"""OFF-ApexNet: two convolutional streams over horizontal and vertical flow (Liong et al., arXiv 1805.08699).

Source: S.-T. Liong, Y. S. Gan, W.-C. Yau, Y.-C. Huang, T. L. Ken, "OFF-ApexNet on Micro-expression Recognition System",
arXiv 1805.08699, 2018, written from the paper: each stream two 5 x 5 convolutions of 6 and 16 maps with pooling, then
two layers of 1,024. It has the 2,664,475 parameters that a published re-implementation (Off-TANet's) reports. Labels:
those it is trained on; untrained, negative, positive, surprise.

Differences from the paper: u and v come stretched per map, as MEGC2019's are, and are centred; 60 epochs of Adam from
5e-4 along a cosine in place of 3,000 at 1e-4; classes weighed; half of the maps mirrored.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from . import _bank
from ._flow import FlowRecognizer, centred


class Network(nn.Module):
    """Maps ``float32 (N, 3, 28, 28)`` maps (u, v, strain) in 0..255 to logits ``(N, K)``; strain is not looked at."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        # Two groups are the two streams.
        self.streams = nn.Sequential(
            nn.Conv2d(2, 12, 5, padding=2, groups=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(12, 32, 5, padding=2, groups=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        )
        self.head = nn.Sequential(
            nn.Linear(32 * 7 * 7, 1024), nn.ReLU(inplace=True), nn.Linear(1024, 1024), nn.ReLU(inplace=True)
        )
        self.fc = nn.Linear(1024, classes)

    def forward(self, maps: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.head(self.streams(centred(maps[:, :2])).flatten(1)))
        return logits


class OffApexNet(FlowRecognizer):
    """OFF-ApexNet on flow maps, precomputed or computed here from the aligned onset and apex frames."""

    decay = 1e-3

    def __init__(
        self, labels: Sequence[str], *, flow: str = "tvl1", size: int = 140, epochs: int = 60, rate: float = 5e-4
    ) -> None:
        super().__init__("off-apexnet", labels, Network(len(labels)), flow=flow, size=size, epochs=epochs, rate=rate)


create = _bank.maker("off-apexnet", OffApexNet)
