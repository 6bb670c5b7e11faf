"""Drawing stickers onto frames: warped, anti-aliased, differentiable; everything around them unchanged bit for bit.

Warping is kornia's (bilinear, ``align_corners=True``). See `mask.sticker.view` for the convention.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import torch
from kornia.geometry.transform import warp_affine

from .texture import Level, Texture, averages, check_art, reach
from .view import NOTHING, View


def composite(frames: torch.Tensor, rgba: torch.Tensor | Texture, poses: torch.Tensor) -> torch.Tensor:
    """Put a sticker on each frame.

    Args:
        frames: ``float (N, 3, H, W)`` RGB in [0, 1], or ``(1, 3, H, W)`` to try N poses on one frame.
        rgba: premultiplied art, ``float (4, h, w)`` or a `Texture` of it, or ``(N, 4, h, w)``, one for each frame.
        poses: ``float (N, 2, 3)``, see `mask.sticker.view`.

    Returns:
        ``float (N, 3, H, W)``, a new tensor. Pixels that no sticker touches keep their bits. Gradients reach the
        frames, the art and the poses.

    Raises:
        ValueError: for shapes that do not fit, or a pose that is not finite or has no area.
    """
    frames, textures = _check(frames, rgba, poses)
    views = [
        View.of(pose, textures[i].rgba.shape, textures[i].reach, frames.shape[2:])
        for i, pose in enumerate(poses.detach().cpu().numpy())
    ]
    out = frames.clone()
    for level, members in _groups(views):
        chosen = [views[i] for i in members]
        size = (max(v.rows for v in chosen), max(v.columns for v in chosen))
        corners = [v.corner(size, frames.shape[2:]) for v in chosen]
        if len(set(map(id, textures))) == 1:
            art = textures[0].at(level).expand(len(members), -1, -1, -1)
        else:
            art = torch.stack([textures[i].at(level) for i in members])
        _lay(out, _warp(art, poses[members], corners, size), members, corners)
    return out


_TOGETHER = 16


class _Art:
    """A drawing as a tensor, made smaller differentiably."""

    def __init__(self, rgba: torch.Tensor) -> None:
        check_art(tuple(rgba.shape), str(rgba.dtype))
        self.rgba = rgba
        # A drawing under optimisation may come to reach the edge of its canvas.
        self.reach = (1.0, 1.0) if rgba.requires_grad else reach(rgba[3].detach().cpu().numpy())
        self._smaller: dict[Level, torch.Tensor] = {}

    def at(self, level: Level) -> torch.Tensor:
        """The drawing in that many rows and columns, ``float (4, rows, columns)``."""
        if level not in self._smaller:
            self._smaller[level] = shrink(self.rgba, *level)
        return self._smaller[level]


@lru_cache(maxsize=16)
def _of(texture: Texture) -> _Art:
    return _Art(torch.tensor(texture.rgba))


def shrink(rgba: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """`mask.sticker.texture.shrink` on tensors: ``float (C, h, w)`` to ``(C, rows, columns)``, differentiable."""
    if rgba.shape[1:] == (rows, columns):
        return rgba
    down, across = (
        torch.from_numpy(averages(n, m)).to(rgba) for n, m in zip(rgba.shape[1:], (rows, columns), strict=True)
    )
    return down @ rgba @ across.T


def _groups(views: list[View]) -> Iterator[tuple[Level, list[int]]]:
    """Views that share a level, a few at a time: small intermediates stay in the processor's cache."""
    by_level: dict[Level, list[int]] = {}
    for i, view in enumerate(views):
        by_level.setdefault(view.level, []).append(i)
    for level, members in by_level.items():
        for start in range(0, len(members), _TOGETHER):
            yield level, members[start : start + _TOGETHER]


def _warp(
    art: torch.Tensor, poses: torch.Tensor, corners: list[tuple[int, int]], size: tuple[int, int]
) -> torch.Tensor:
    """The art as seen in windows of `size` pixels that begin at `corners`, ``(M, 4, rows, columns)``."""
    rows, columns = art.shape[2:]
    to_canvas = torch.tensor([[2 / columns, 0, 1 / columns - 1], [0, 2 / rows, 1 / rows - 1], [0, 0, 1]])
    first = torch.tensor([(left, top) for top, left in corners]).to(poses)
    in_window = torch.cat([poses[:, :, :2], (poses[:, :, 2] - first)[..., None]], dim=2)
    matrix = (in_window @ to_canvas.to(poses)).to(art)
    seen: torch.Tensor = warp_affine(art, matrix, size, padding_mode="zeros", align_corners=True)
    return seen * (seen[:, 3:] >= NOTHING)


def _lay(out: torch.Tensor, patches: torch.Tensor, members: list[int], corners: list[tuple[int, int]]) -> None:
    """Blend patches into frames `members` of `out` at `corners`, in place."""
    rows, columns = patches.shape[2:]
    if not (torch.is_grad_enabled() and (out.requires_grad or patches.requires_grad)):
        for i, (top, left), patch in zip(members, corners, patches, strict=True):
            out[i, :, top : top + rows, left : left + columns].mul_(1 - patch[3:]).add_(patch[:3])
        return
    first = torch.tensor(corners, device=out.device)
    y = (first[:, :1] + torch.arange(rows, device=out.device))[:, :, None]
    x = (first[:, 1:] + torch.arange(columns, device=out.device))[:, None, :]
    n = torch.tensor(members, device=out.device)[:, None, None]
    last = patches.permute(0, 2, 3, 1)
    blended = out[n, :, y, x] * (1 - last[..., 3:]) + last[..., :3]
    out[n, :, y, x] = blended


def _check(frames: torch.Tensor, rgba: torch.Tensor | Texture, poses: torch.Tensor) -> tuple[torch.Tensor, list[_Art]]:
    """Frames and textures, one for each pose."""
    if poses.ndim != 3 or poses.shape[1:] != (2, 3):
        raise ValueError(f"poses have shape {tuple(poses.shape)}; expected (N, 2, 3)")
    count = len(poses)
    if frames.ndim != 4 or frames.shape[1] != 3 or frames.shape[0] not in (1, count):
        raise ValueError(f"frames have shape {tuple(frames.shape)}; expected ({count}, 3, H, W) or (1, 3, H, W)")
    if isinstance(rgba, Texture):
        return frames.expand(count, -1, -1, -1), [_of(rgba)] * count
    if rgba.ndim == 4:
        if len(rgba) != count:
            raise ValueError(f"there are {len(rgba)} pictures for {count} poses; expected one each, or one for all")
        return frames.expand(count, -1, -1, -1), [_Art(one) for one in rgba]
    return frames.expand(count, -1, -1, -1), [_Art(rgba)] * count
