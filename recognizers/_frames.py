"""What recognizers of frames share: the frames of a whole clip, how training varies them, and magnified motion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from mask.clip import Clip
from mask.contracts import Reads
from mask.errors import NoFaceError
from mask.faces import aligned, clip_box
from mask.torch_recognizer import Inputs, Trainable

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the pictures of ImageNet, by which the field normalises RGB in [0, 1]."""

_LUMA = (0.299, 0.587, 0.114)
_SHIFT, _DIM = 0.04, 0.15


class VideoRecognizer(Trainable):
    """A network on the aligned face at evenly spaced moments from onset to offset.

    Args:
        name, labels: see `TorchRecognizer`.
        module: maps ``float32 (N, 3, frames, size, size)`` in [0, 1] to logits ``(N, K)``.
        size: side of the aligned face crop, in pixels.
        frames: how many moments.
        epochs, rate: of the training.
    """

    reads: Reads = "video"
    dials: ClassVar[tuple[str, ...]] = ("size", "frames", "epochs", "rate")
    blend: ClassVar[bool] = False
    """Whether a moment between two frames is their mixture, or the nearer of them."""

    def __init__(
        self, name: str, labels: Sequence[str], module: nn.Module, *, size: int, frames: int, epochs: int, rate: float
    ) -> None:
        check_epochs(epochs)
        super().__init__(name, labels, module, size=size)
        self.frames, self.epochs, self.rate = frames, epochs, rate

    def inputs(self, clips: Sequence[Clip]) -> list[Inputs | None]:
        """The frames of each clip, ``uint8 (frames, size, size, 3)``, or `None` where no face is found."""
        found: list[Inputs | None] = []
        for clip in clips:
            try:
                found.append(clip_frames(clip, self.size, self.frames, blend=self.blend))
            except NoFaceError:
                found.append(None)
        return found

    def vary(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Whole clips mirrored, shifted and dimmed."""
        return varied(self.tensor(list(rows.numpy())), generator)


def clip_frames(clip: Clip, size: int, count: int, *, blend: bool = False) -> NDArray[np.uint8]:
    """The face at evenly spaced moments from onset to offset, all cut by the onset's face box.

    Args:
        clip: of frames; where it has no offset beyond the apex, it ends with the apex.
        size: side of a crop, in pixels.
        count: how many moments, 2 or more.
        blend: whether a moment between two frames is their mixture, or the nearer of them.

    Returns:
        ``uint8 (count, size, size, 3)``, the onset first.

    Raises:
        NoFaceError: when there is no face in the onset frame.
        ValueError: on a clip of flow.
    """
    box = clip_box(clip)
    last = max(clip.offset, clip.apex)
    moments = np.linspace(clip.onset, last, count)
    if not blend:
        moments = np.floor(moments + 0.5)
    needed = {int(m) for m in moments} | {min(int(m) + 1, last) for m in moments if m % 1}
    shown = {i: aligned(clip.frame(i), box, size) for i in sorted(needed)}
    return np.stack([_between(shown, float(m), last) for m in moments])


def _between(shown: dict[int, NDArray[np.uint8]], moment: float, last: int) -> NDArray[np.uint8]:
    before = int(moment)
    if moment == before:
        return shown[before]
    share = np.float32(moment - before)
    mixed = (1 - share) * shown[before] + share * shown[min(before + 1, last)]
    return np.asarray(np.rint(mixed), dtype=np.uint8)


def varied(video: Tensor, generator: torch.Generator, *, mirror: bool = True) -> Tensor:
    """Mirror half of the clips, shift each by up to 4 % of its side and dim or brighten it by up to 15 %.

    Args:
        video: ``float (N, 3, T, S, S)`` in [0, 1]; overwritten.
        mirror: whether any is mirrored.

    Returns:
        The same tensor; every frame of a clip is changed alike.
    """
    reach = max(1, round(_SHIFT * video.shape[-1]))
    for i in range(len(video)):
        turn, gain = torch.rand(2, generator=generator).tolist()
        dx, dy = torch.randint(-reach, reach + 1, (2,), generator=generator).tolist()
        one = video[i].flip(-1) if mirror and turn < 0.5 else video[i]
        video[i] = torch.roll(one, (dy, dx), (-2, -1)) * (1 - _DIM + 2 * _DIM * gain)
    return video.clamp_(0, 1)


def grey(video: Tensor) -> Tensor:
    """The brightness ``float (N, 1, T, H, W)`` of ``float (N, 3, T, H, W)`` RGB."""
    return (video * video.new_tensor(_LUMA).view(1, 3, 1, 1, 1)).sum(dim=1, keepdim=True)


def magnified(video: Tensor, gain: float) -> Tensor:
    """Frames whose smooth change since the first is made larger: linear Eulerian magnification.

    H.-Y. Wu et al., "Eulerian Video Magnification for Revealing Subtle Changes in the World", SIGGRAPH 2012. The band
    in time is everything but the first frame; fine detail, which is mostly noise, is left as it is.

    Args:
        video: ``float (N, C, T, H, W)``, the onset first.
        gain: how much of the change is added; 0 for none.

    Returns:
        The same shape; values may leave the range of `video`.

    >>> magnified(torch.ones(1, 3, 2, 8, 8), 10.0).max().item()
    1.0
    """
    change = (video - video[:, :, :1]).transpose(1, 2).flatten(0, 1)
    for _ in range(2):
        change = functional.avg_pool2d(change, 3, 1, 1, count_include_pad=False)
    smooth: Tensor = change.unflatten(0, (video.shape[0], -1)).transpose(1, 2)
    return video + gain * smooth


def check_epochs(epochs: int) -> None:
    """Raise `ValueError` for fewer than one epoch."""
    if epochs < 1:
        raise ValueError(f"epochs is {epochs}; expected 1 or more")


def check_size(size: int, multiple: int, least: int) -> None:
    """Raise `ValueError` for a side that the network cannot divide."""
    if size < least or size % multiple:
        raise ValueError(f"size is {size}; expected a multiple of {multiple}, at least {least}")


def check_width(width: float) -> None:
    """Raise `ValueError` for a factor out of range."""
    if not 0 < width <= 2:
        raise ValueError(f"width is {width}; expected a factor in (0, 2]")
