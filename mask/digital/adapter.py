"""Any attack of torchattacks, on clips and on flow maps, with nothing left behind.

Source: H. Kim, "Torchattacks: A PyTorch Repository for Adversarial Attacks", arXiv 2010.01950, version 3.5.1 (MIT); it
is called, not copied. What is repaired around it, because its attacks are written for pictures of ten classes:

* a clip's frames are folded into the channels, or, for attacks whose filters count on three channels, stacked one
  below the other; attacks that count on squares are given one, whose margin no model sees;
* losses that need four classes (targeted DLR) are given more, which are as unlikely as the least likely real one;
* a model without parameters is given an empty one, for the attacks ask it for the device;
* pixels outside [0, 1] are refused, and what comes back is held to the bound, which attacks of other norms ignore;
* train and eval states of every submodule, the need for gradients, gradients and all global random states are as they
  were before, whether the attack ends well or not, and nothing is printed.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

_NO_ATTACKS = {
    "LGV": "it trains the model's weights further on a data set of its own; it makes surrogates and attacks none",
    "MultiAttack": "it is made of other attacks and takes no model; name those instead",
}
_OTHER_NORM = frozenset({"PGDL2", "PGDRSL2"})
"""Their `eps` is a radius in L2."""

_THREE_CHANNELS = frozenset({"TIFGSM", "PIFGSM", "PIFGSMPP"})
_SQUARES = frozenset({"DIFGSM", "TIFGSM", "PIFGSMPP", "Pixle"})
_FOUR_CLASSES = frozenset({"APGDT", "AutoAttack"})
_MOST_PAIRED = 4096
"""Pixel values above which JSMA, which compares every two, is refused: its tables take gigabytes."""


def names() -> tuple[str, ...]:
    """Every class torchattacks exports, in its own order."""
    import torchattacks

    return tuple(torchattacks.__all__)


def why_not(name: str) -> str:
    """Why a class that torchattacks exports is no attack on a given model; empty for those that are."""
    return _NO_ATTACKS.get(name, "")


def perturb(
    name: str,
    model: Callable[[Tensor], Tensor],
    pixels: Tensor,
    labels: Tensor,
    *,
    classes: int,
    eps: float,
    seed: int = 0,
    **options: Any,
) -> Tensor:
    """Run one attack of torchattacks, untargeted.

    Args:
        name: as torchattacks exports it, such as ``PGD``.
        model: a module, or any callable, from pixels shaped as given to logits ``(N, K)``.
        pixels: ``float32 (N, 3, T, H, W)`` or ``(N, C, H, W)`` in [0, 1].
        labels: ``int64 (N,)``, the classes to leave.
        classes: K.
        eps: the most by which a value may change. Attacks of another norm go their own way, and what they find is
            clipped to it.
        seed: fixes everything random.
        **options: further parameters of the attack's own, such as ``steps=20``.

    Returns:
        Pixels shaped as given, in [0, 1] and within `eps` but for rounding in float32.

    Raises:
        ValueError: for an unknown name or option, pixels out of range, or an attack that cannot work on them.
    """
    kind = _find(name)
    _check(pixels, labels, classes)
    if name == "JSMA" and pixels[0].numel() > _MOST_PAIRED:
        raise ValueError(f"JSMA compares every two of {pixels[0].numel()} values; it can take {_MOST_PAIRED}")
    view = _View(model, pixels, name, classes)
    known = inspect.signature(kind).parameters
    unknown = [k for k in options if k not in known or k == "model"]
    if unknown:
        raise ValueError(
            f"{name} has no parameter {unknown[0]!r}; it takes {', '.join(k for k in known if k != 'model')}"
        )
    bound = next((k for k in ("eps", "max_epsilon") if k in known and name not in _OTHER_NORM), None)
    given = {"n_classes": classes, "seed": seed, **({bound: eps} if bound else {})}
    arguments = {k: v for k, v in given.items() if k in known} | options
    with untouched(model), seeded(seed, pixels.device), contextlib.redirect_stdout(io.StringIO()):
        attack = kind(view, **arguments)
        if name == "JSMA":  # its own default target counts on ten classes
            attack.set_mode_targeted_by_function(lambda _, given: (given + 1) % classes, quiet=True)
        found = view.unfold(attack(view.fold(pixels), labels)).detach()
    if not torch.isfinite(found).all():
        raise ValueError(f"{name} gave values that are not finite")
    return _held(found, pixels, eps)


@contextlib.contextmanager
def untouched(model: Any) -> Iterator[None]:
    """Put a model in eval mode, without gradients for its parameters, and put everything back in the end."""
    modules = list(model.modules()) if isinstance(model, nn.Module) else []
    parameters = list(model.parameters()) if isinstance(model, nn.Module) else []
    training = [m.training for m in modules]
    wanted = [(p.requires_grad, p.grad) for p in parameters]
    try:
        for module in modules:
            module.training = False
        for parameter in parameters:
            parameter.requires_grad_(False)
        yield
    finally:
        for module, mode in zip(modules, training, strict=True):
            module.training = mode
        for parameter, (needed, gradient) in zip(parameters, wanted, strict=True):
            parameter.requires_grad_(needed)
            parameter.grad = gradient


@contextlib.contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed the global generators of torch, numpy and Python, and put their states back in the end."""
    old, pythons = np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(seed)
            np.random.seed(seed % 2**32)  # noqa: NPY002
            random.seed(seed)
            yield
    finally:
        np.random.set_state(old)  # noqa: NPY002
        random.setstate(pythons)


class _View(nn.Module):
    """A model of clips as a model of pictures ``(N, C, H, W)``."""

    def __init__(self, model: Callable[[Tensor], Tensor], pixels: Tensor, name: str, classes: int) -> None:
        super().__init__()
        # Attacks ask the first parameter for the device.
        self.anchor = nn.Parameter(torch.empty(0, device=pixels.device), requires_grad=False)
        self.inner, self.shape = model, pixels.shape[1:]
        self.stacked = name in _THREE_CHANNELS and pixels.ndim == 5
        self.square = name in _SQUARES
        self.spare = max(0, 4 - classes) if name in _FOUR_CLASSES else 0

    def fold(self, pixels: Tensor) -> Tensor:
        """``(N, 3, T, H, W)`` to ``(N, 3T, H, W)``, or ``(N, 3, TH, W)``; on the square where one is needed."""
        if pixels.ndim == 5:
            pixels = pixels.flatten(2, 3) if self.stacked else pixels.flatten(1, 2)
        height, width = pixels.shape[-2:]
        if not self.square or height == width:
            return pixels
        side = max(height, width)
        return functional.pad(pixels, (0, side - width, 0, side - height))

    def unfold(self, pictures: Tensor) -> Tensor:
        """Undo `fold`."""
        *_, height, width = self.shape
        if self.stacked:
            height *= self.shape[1]
        return pictures[..., :height, :width].reshape(len(pictures), *self.shape)

    def forward(self, pictures: Tensor) -> Tensor:
        logits = self.inner(self.unfold(pictures))
        if not self.spare:
            return logits
        return torch.cat([logits, logits.amin(dim=1, keepdim=True).expand(-1, self.spare)], dim=1)


def _find(name: str) -> Any:
    import torchattacks

    if name not in torchattacks.__all__:
        raise ValueError(f"torchattacks exports no attack {name!r}; it exports {', '.join(names())}")
    if why_not(name):
        raise ValueError(f"{name}: {why_not(name)}")
    return getattr(torchattacks, name)


def _check(pixels: Tensor, labels: Tensor, classes: int) -> None:
    if pixels.dtype != torch.float32 or pixels.ndim not in (4, 5):
        raise ValueError(f"the pixels are {pixels.dtype} {tuple(pixels.shape)}; expected float32 of 4 or 5 axes")
    if not torch.isfinite(pixels).all() or pixels.min() < 0 or pixels.max() > 1:
        raise ValueError("the pixels leave [0, 1] or are not finite; normalisation belongs into the model")
    if labels.shape != pixels.shape[:1] or labels.dtype != torch.int64:
        raise ValueError(f"the labels are {labels.dtype} {tuple(labels.shape)}; expected int64 ({len(pixels)},)")
    if classes < 2 or labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"labels lie in 0 to {classes - 1} of at least 2 classes; given {labels.tolist()}")


def _held(found: Tensor, clean: Tensor, eps: float) -> Tensor:
    """Within the bound: what is there already, but for rounding, is left bit for bit."""
    if (found - clean).abs().max() > eps + 1e-6 or found.min() < 0 or found.max() > 1:
        return torch.clamp(torch.min(torch.max(found, clean - eps), clean + eps), 0, 1)
    return found
