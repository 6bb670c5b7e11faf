"""What MPFNet-P and MPFNet-C share: their input, priors learnt by comparison, and training in steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mask.clip import Clip
from mask.flow import METHODS, flow, tvl1
from mask.learn import Lesson
from mask.torch_recognizer import Inputs

from ._frames import VideoRecognizer, check_size, check_width, grey, magnified

CHANNELS = 5
"""Of the input: flow (u, v) and the change of R, G and B."""
_SHARPNESS = 10.0
"""How sharply a distance between features of length 1 decides."""


class PriorNetwork(nn.Module):
    """Two encoders; a subclass makes them, and says how the advanced one builds on the generic one.

    Args:
        classes: how many labels there are.
        width: a factor on the paper's number of maps.

    Attributes:
        generic: maps ``float32 (N, 5, T, S, S)``, flow and differences of frames, to a map of features.
        advanced: what is learnt after it.
        fc: the classifier of what `features` returns.
    """

    generic: nn.Sequential
    advanced: nn.Sequential
    fc: nn.Sequential

    def __init__(self, classes: int, width: float) -> None:
        super().__init__()

    def basics(self, given: Tensor) -> Tensor:
        """The features of the generic encoder alone, ``(N, C)``."""
        found: Tensor = self.generic(given).mean(dim=(2, 3, 4))
        return found

    def features(self, given: Tensor) -> Tensor:
        """All features, ``(N, C)``."""
        raise NotImplementedError

    def forward(self, given: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.features(given))
        return logits


class MPFNet(VideoRecognizer):
    """An MPFNet on flow and differences between evenly spaced moments from onset to offset."""

    title: ClassVar[str]
    network: ClassVar[type[PriorNetwork]]
    dials: ClassVar[tuple[str, ...]] = ("flow", "size", "frames", "width", "gain", "prior", "epochs", "rate")
    blend = True
    chunk = 16

    def __init__(
        self,
        labels: Sequence[str],
        *,
        flow: str = "tvl1",
        size: int = 128,
        frames: int = 11,
        width: float = 1.0,
        gain: float = 4.0,
        prior: int = 10,
        epochs: int = 40,
        rate: float = 1e-3,
    ) -> None:
        check_size(size, 32, 32)
        check_width(width)
        if flow not in METHODS:
            raise ValueError(f"flow is {flow!r}; expected one of {', '.join(METHODS)}")
        if frames < 2:
            raise ValueError(f"frames is {frames}; expected 2 or more (the paper: 11)")
        if not 0 <= gain <= 100:
            raise ValueError(f"gain is {gain}; expected 0, for no magnification, to 100")
        if prior < 0:
            raise ValueError(f"prior is {prior}; expected a number of epochs, 0 or more")
        module = self.network(len(labels), width)
        super().__init__(self.title, labels, module, size=size, frames=frames, epochs=epochs, rate=rate)
        self.flow, self.width, self.gain, self.prior = flow, width, gain, prior

    def inputs(self, clips: Sequence[Clip]) -> list[Inputs | None]:
        """Flow and differences of each clip, ``float16 (5, frames - 1, size, size)``, or `None` without a face."""
        return [None if s is None else self._changes(s) for s in super().inputs(clips)]

    def _changes(self, shown: Inputs) -> Inputs:
        """Of ``uint8 (frames, size, size, 3)`` frames."""
        video = self._magnified(torch.from_numpy(shown).permute(3, 0, 1, 2)[None].float() / 255)
        frames = (video[0] * 255).round().to(torch.uint8).permute(1, 2, 3, 0).contiguous().numpy()
        moved = np.stack([flow(a, b, method=self.flow) for a, b in pairwise(frames)]).transpose(3, 0, 1, 2)
        changed = video[0].diff(dim=1).numpy()
        return np.concatenate([moved, changed]).astype(np.float16)

    def _magnified(self, video: Tensor) -> Tensor:
        return magnified(video, self.gain).clamp(0, 1)

    def tensor(self, inputs: Sequence[Inputs]) -> Tensor:
        """``float32 (N, 5, frames - 1, size, size)``: flow (u, v) in pixels and changes of RGB, moment to moment."""
        return torch.from_numpy(np.stack(inputs)).to(self.device).float()

    def answer(self, given: Tensor) -> Tensor:
        """Logits ``(N, K)`` of what `tensor` made."""
        result: Tensor = self.module(given)
        return result

    def logits(self, video: Tensor) -> Tensor:
        """Logits of ``float32 (N, 3, frames, S, S)`` in [0, 1], through magnification and TV-L1."""
        video = self._magnified(video)
        light = grey(video).transpose(1, 2)
        moved = tvl1(light[:, :-1].flatten(0, 1), light[:, 1:].flatten(0, 1)).unflatten(0, (len(video), -1))
        return self.answer(torch.cat([moved.transpose(1, 2), video.diff(dim=2)], dim=1))

    def vary(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Mirror half of the clips; a mirrored face moves the other way, so u changes its sign."""
        given = self.tensor(list(rows.numpy()))
        chosen = (torch.rand(len(given), generator=generator) < 0.5).to(given.device)
        mirrored = given.flip(-1)
        mirrored[:, 0] = -mirrored[:, 0]
        return torch.where(chosen.view(-1, 1, 1, 1, 1), mirrored, given)

    def learn(self, lesson: Lesson) -> None:
        """The generic prior, then with it at rest the advanced one, then all of it on the labels."""
        network: Any = self.module
        network.to("cuda" if torch.cuda.is_available() else "cpu")
        self._compare(lesson, network.basics, [network.generic], ())
        self._compare(lesson, network.features, [network.advanced], [network.generic])
        super().learn(lesson)

    def _compare(self, lesson: Lesson, features: Any, awake: Iterable[nn.Module], asleep: Iterable[nn.Module]) -> None:
        """Metric-based meta-learning: one half of each batch tells what the classes are, the other is told apart."""
        parameters = [p for module in awake for p in module.parameters()]
        optimiser = torch.optim.Adam(parameters, lr=self.rate)
        self.module.train()
        for module in asleep:
            module.eval()
        for _ in range(self.prior):
            order = torch.randperm(len(lesson.targets), generator=lesson.generator)
            for rows in order.split(2 * self.chunk):
                if len(rows) < 4:
                    continue
                given = self.vary(lesson.inputs[rows], lesson.generator)
                loss = prototypical(features(given), lesson.targets[rows].to(given.device))
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()


def prototypical(features: Tensor, targets: Tensor) -> Tensor:
    """How badly the second half of a batch is told apart by the class means of the first.

    J. Snell, K. Swersky, R. Zemel, "Prototypical Networks for Few-shot Learning", NeurIPS 2017. Features are brought to
    length 1 first; a clip whose class has no mean is left out.

    Args:
        features: ``float (N, C)``, N at least 2.
        targets: ``int64 (N,)``.

    Returns:
        The mean cross-entropy over squared distances; 0 where nothing can be told.
    """
    features = functional.normalize(features, dim=1)
    half = len(features) // 2
    known, place = targets[:half].unique(return_inverse=True)
    share = functional.one_hot(place, len(known)).to(features)
    means = share.T @ features[:half] / share.sum(dim=0)[:, None]
    asked = targets[half:, None] == known
    some = asked.any(dim=1)
    if not some.any():
        return 0.0 * features.sum()
    score = -_SHARPNESS * (features[half:][some][:, None] - means).square().sum(dim=2)
    return functional.cross_entropy(score, asked[some].int().argmax(dim=1))
