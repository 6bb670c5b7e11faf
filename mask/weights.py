"""Weights on disk: read without running anything in them, written atomically, named by their SHA-256."""

from __future__ import annotations

import hashlib
import os
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mask.errors import UnreadableWeights

MAX_BYTES = 4 * 2**30


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a state dict from ``.safetensors`` or a torch file, never unpickling code.

    Raises:
        UnreadableWeights: when the file is missing, too large, damaged, or would run code to load.
    """
    if not path.is_file():
        raise UnreadableWeights(f"there are no weights at {path}")
    if path.stat().st_size > MAX_BYTES:
        raise UnreadableWeights(f"{path} is larger than {MAX_BYTES >> 30} GiB; refusing to read it as weights")
    if path.suffix == ".safetensors":
        try:
            return dict(load_file(path))
        except (SafetensorError, OSError, ValueError) as error:
            raise UnreadableWeights(f"{path} is not a readable safetensors file ({error})") from error
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UnreadableWeights(
            f"{path} holds more than tensors and could run code when loaded; it was not loaded. "
            "Save its state_dict() alone, or as safetensors"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UnreadableWeights(f"{path} is not a readable torch state dict ({error})") from error
    if not isinstance(loaded, Mapping) or not all(isinstance(v, Tensor) for v in loaded.values()):
        raise UnreadableWeights(f"{path} holds a {type(loaded).__name__}, not a state dict of tensors")
    return {str(k): v for k, v in loaded.items()}


def fill(module: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Load `state` into `module`, exactly; a mismatch is explained tensor by tensor.

    Raises:
        UnreadableWeights: when names or shapes differ, or a tensor is not finite.
    """
    own = module.state_dict()
    problems = [f"lacks {name} {tuple(t.shape)}" for name, t in own.items() if name not in state]
    problems += [f"has {name} {tuple(t.shape)}, unknown here" for name, t in state.items() if name not in own]
    problems += [
        f"has {name} as {tuple(state[name].shape)} where {tuple(t.shape)} was expected"
        for name, t in own.items()
        if name in state and state[name].shape != t.shape
    ]
    if problems:
        more = f", and {len(problems) - 4} more" if len(problems) > 4 else ""
        raise UnreadableWeights(f"{path} does not fit {type(module).__name__}: it {'; it '.join(problems[:4])}{more}")
    if bad := [name for name, t in state.items() if t.is_floating_point() and not torch.isfinite(t).all()]:
        raise UnreadableWeights(f"{path} holds NaN or infinity in {bad[0]}")
    module.load_state_dict(dict(state))


def write_state(module: nn.Module, path: Path) -> None:
    """Write a module's state dict as safetensors, whole or not at all."""
    part = path.with_name(path.name + ".part")
    try:
        save_file({k: v.detach().cpu().contiguous() for k, v in module.state_dict().items()}, part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
