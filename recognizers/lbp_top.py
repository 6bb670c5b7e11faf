"""LBP-TOP + SVM: local binary patterns on three orthogonal planes, and a linear classifier; the classical baseline.

Source: G. Zhao, M. Pietikäinen, "Dynamic Texture Recognition Using Local Binary Patterns with an Application to Facial
Expressions", IEEE TPAMI 2007; the parameters are those of the CASME II baseline (Yan et al., PLoS ONE 9(1) e86041,
2014): 5 x 5 blocks, four neighbours, radii 1, 1 and 4 along x, y and time. Labels: those it is trained on; untrained,
negative, positive, surprise.

Differences: frames from onset to offset are brought to one number by linear interpolation in time; the classifier is
one linear L2-regularised squared-hinge machine per class against the others. Its probabilities are a softmax over the
margins, which nothing calibrates. No gradient reaches the pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mask.clip import Clip
from mask.contracts import Reads
from mask.errors import NoFaceError
from mask.faces import aligned, clip_box
from mask.learn import Epoch, Lesson, uf1
from mask.torch_recognizer import Inputs, Trainable

from . import _bank

BLOCKS, RADII = 5, (4, 1, 1)
"""Blocks along either side, and radii along (time, y, x)."""
_PLANES = ((1, 2), (0, 2), (0, 1))
"""The planes as pairs of axes: XY, XT, YT."""
_CODES = 2**4
_LUMA = (0.299, 0.587, 0.114)


def lbp_top(grey: Tensor) -> Tensor:
    """Histograms of local binary patterns on three orthogonal planes, by block.

    A neighbour at least as bright as the centre sets a bit. Centres are the pixels that have all neighbours.

    Args:
        grey: ``float (N, T, H, W)``, T at least 9, H and W at least 7.

    Returns:
        ``float32 (N, 3 * 25 * 16)``; each of the 75 histograms sums to one.

    Raises:
        ValueError: for another shape.

    >>> lbp_top(torch.zeros(1, 9, 12, 12)).shape
    torch.Size([1, 1200])
    """
    least = [2 * r + 1 for r in RADII]
    if grey.ndim != 4 or any(n < m for n, m in zip(grey.shape[1:], (least[0], BLOCKS + 2, BLOCKS + 2), strict=True)):
        raise ValueError(f"the clips have shape {tuple(grey.shape)}; expected (N, T, H, W) of at least (9, 7, 7)")
    block = _blocks(*(n - 2 * r for n, r in zip(grey.shape[2:], RADII[1:], strict=True))).to(grey.device)
    found = []
    for axes in _PLANES:
        # Row by row, one histogram per block: a code's place among all of them is counted in one go.
        codes = _codes(grey, axes) + _CODES * block
        places = codes + (_CODES * BLOCKS**2 * torch.arange(len(grey), device=grey.device)).view(-1, 1, 1, 1)
        counts = torch.bincount(places.flatten(), minlength=len(grey) * _CODES * BLOCKS**2)
        counts = counts.view(len(grey), BLOCKS**2, _CODES).float()
        found.append(counts / counts.sum(dim=2, keepdim=True))
    return torch.cat(found, dim=1).flatten(1)


def _codes(grey: Tensor, axes: tuple[int, int]) -> Tensor:
    """``int64 (N, t, h, w)``, the codes of all centres in one plane."""
    centre = _shifted(grey, (0, 0, 0))
    code = torch.zeros_like(centre, dtype=torch.int64)
    steps = [(axis, sign) for sign in (1, -1) for axis in axes]
    for bit, (axis, sign) in enumerate(steps):
        shift = [sign * RADII[a] if a == axis else 0 for a in range(3)]
        code |= (_shifted(grey, shift) >= centre).long() << bit
    return code


def _shifted(grey: Tensor, shift: Sequence[int]) -> Tensor:
    parts = [slice(r + s, n - r + s) for r, s, n in zip(RADII, shift, grey.shape[1:], strict=True)]
    return grey[:, parts[0], parts[1], parts[2]]


def _blocks(height: int, width: int) -> Tensor:
    """``int64 (h, w)``, the block of each centre, row by row."""
    row, column = (torch.arange(n) * BLOCKS // n for n in (height, width))
    return BLOCKS * row[:, None] + column


class LbpTop(Trainable):
    """LBP-TOP + SVM on all frames from onset to offset."""

    reads: Reads = "video"
    dials: ClassVar[tuple[str, ...]] = ("size", "frames", "cost")
    epochs = 1

    def __init__(self, labels: Sequence[str], *, size: int = 100, frames: int = 16, cost: float = 1.0) -> None:
        if frames < 2 * RADII[0] + 1 or size < BLOCKS + 2:
            raise ValueError(f"frames is {frames} and size is {size}; expected at least 9 and {BLOCKS + 2}")
        if cost <= 0:
            raise ValueError(f"cost is {cost}; expected a positive number")
        module = nn.Linear(len(_PLANES) * BLOCKS**2 * _CODES, len(labels))
        super().__init__("lbp-top", labels, module, size=size)
        self.frames, self.cost = frames, cost

    def inputs(self, clips: Sequence[Clip]) -> list[Inputs | None]:
        """The histograms of each clip, ``float32 (1200,)``, or `None` where no face is found."""
        found: list[Inputs | None] = []
        for clip in clips:
            try:
                found.append(lbp_top(torch.from_numpy(self._volume(clip))[None])[0].numpy())
            except NoFaceError:
                found.append(None)
        return found

    def _volume(self, clip: Clip) -> NDArray[np.float32]:
        """The grey face crop from onset to offset, ``float32 (frames, size, size)``; two frames are held at a time."""
        box = clip_box(clip)
        last = max(clip.offset, clip.apex)
        shown: dict[int, NDArray[np.float32]] = {}
        out = np.empty((self.frames, self.size, self.size), dtype=np.float32)
        for k, moment in enumerate(np.linspace(clip.onset, last, self.frames)):
            before = int(moment)
            pair = (before, min(before + 1, last))
            shown = {i: shown[i] if i in shown else _grey(aligned(clip.frame(i), box, self.size)) for i in pair}
            out[k] = shown[pair[0]] + np.float32(moment - before) * (shown[pair[1]] - shown[pair[0]])
        return out

    def tensor(self, inputs: Sequence[Inputs]) -> Tensor:
        """``float32 (N, 1200)``, the histograms."""
        return torch.from_numpy(np.stack(inputs)).to(self.device)

    def answer(self, given: Tensor) -> Tensor:
        """Margins ``(N, K)`` of histograms."""
        result: Tensor = self.module(given)
        return result

    def logits(self, video: Tensor) -> Tensor:
        """Margins ``(N, K)`` of ``float32 (N, 3, T, S, S)`` in [0, 1]; patterns are counted: no gradient comes back."""
        luma = video.new_tensor(_LUMA).view(1, 3, 1, 1, 1)
        return self.answer(lbp_top((video.detach() * luma).sum(dim=1)).to(next(self.module.parameters()).dtype))

    def gradient(self, clip: Clip, label: str) -> None:
        """There is none."""
        return

    def learn(self, lesson: Lesson) -> None:
        """Minimise ``|w|^2 / 2 + cost * sum(max(0, 1 - y f(x))^2)`` of all classes, exactly; there are no epochs."""
        seen = lesson.inputs.double()
        side = 2.0 * torch.nn.functional.one_hot(lesson.targets, lesson.classes).double() - 1
        cost = self.cost * lesson.weights.double()[lesson.targets][:, None]
        weight = torch.zeros(lesson.classes, seen.shape[1], dtype=torch.float64, requires_grad=True)
        bias = torch.zeros(lesson.classes, dtype=torch.float64, requires_grad=True)
        search = torch.optim.LBFGS([weight, bias], max_iter=500, line_search_fn="strong_wolfe", tolerance_change=1e-12)

        def objective() -> float:
            search.zero_grad()
            slack = (1 - side * (seen @ weight.T + bias)).clamp_min(0)
            loss = weight.square().sum() / 2 + (cost * slack.square()).sum()
            loss.backward()
            return float(loss.detach())

        search.step(objective)
        self.module.load_state_dict({"weight": weight.detach().float(), "bias": bias.detach().float()})
        self.module.eval()
        score = None if lesson.validation is None else uf1(self, *lesson.validation, lesson.classes)
        lesson.each(Epoch(1, objective() / len(seen), 0.0, score), self)


def _grey(frame: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(frame.astype(np.float32) @ np.array(_LUMA, dtype=np.float32) / 255, dtype=np.float32)


create = _bank.maker("lbp-top", LbpTop)
