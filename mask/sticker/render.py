"""Drawing stickers onto frames: warped, anti-aliased, differentiable; everything around them unchanged bit for bit.

Convention:
  * a pose is a 2 x 3 affine from sticker coordinates, the canvas from -1 to 1 in (x, y), y down, to pixels;
  * pixel centres lie at integers; the canvas reaches from edge to edge of the art's texels, so that a drawing of
    w x w texels seen at scale 1 with its first texel on pixel (0, 0) has the pose ``[[w/2, 0, (w-1)/2],
    [0, w/2, (w-1)/2]]``, and art of any resolution covers the same pixels;
  * art is premultiplied RGBA: filtering it leaves no dark fringe.

The art is averaged down to about `DENSITY` texels a pixel and sampled once a pixel, bilinearly (kornia,
``align_corners=True``). Art that is no finer than the pixels is sampled as it is: under a shift, bilinear sampling of
texels as large as pixels is exact area coverage.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from kornia.geometry.transform import warp_affine
from numpy.typing import ArrayLike, NDArray

from mask.clip import Frame

from .texture import Texture

DENSITY = math.sqrt(3)
"""Texels a pixel, each way. A box of width w has variance w^2 / 12; a texel's own box and the two that bilinear
sampling adds on average come to 3 w^2 / 12: at w = 1 / sqrt(3) the art is blurred just as the pixel's box blurs."""

NOTHING = 1e-4
"""Alpha below this is none: 1/40 of an 8-bit step, the size of rounding errors in the warp."""


def composite(frames: torch.Tensor, rgba: torch.Tensor | Texture, poses: torch.Tensor) -> torch.Tensor:
    """Put a sticker on each frame.

    Args:
        frames: ``float (N, 3, H, W)`` RGB in [0, 1], or ``(1, 3, H, W)`` to try N poses on one frame.
        rgba: premultiplied art, ``float (4, h, w)`` or a `Texture` of it, or ``(N, 4, h, w)``, one for each frame.
        poses: ``float (N, 2, 3)``, see the module's convention.

    Returns:
        ``float (N, 3, H, W)``, a new tensor. Pixels that no sticker touches keep their bits. Gradients reach the
        frames, the art and the poses.

    Raises:
        ValueError: for shapes that do not fit, or a pose that is not finite or has no area.
    """
    frames, textures = _check(frames, rgba, poses)
    views = [_View.of(pose, textures[i], frames.shape[2:]) for i, pose in enumerate(poses.detach().cpu().numpy())]
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


def render_frame(frame: Frame, rgba: Texture, pose: ArrayLike) -> Frame:
    """Put a sticker on one 8-bit frame.

    Args:
        frame: ``uint8 (H, W, 3)`` RGB.
        rgba: the art.
        pose: (2, 3), see the module's convention; one without area shows nothing.

    Returns:
        ``uint8 (H, W, 3)``, a new array, rounded to the nearest level. Pixels the sticker does not touch are equal.

    Raises:
        ValueError: for a frame of another type, or a pose that is not finite.
    """
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        raise ValueError(f"the frame is {frame.dtype} {frame.shape}; expected uint8 (H, W, 3)")
    matrix = np.asarray(pose, dtype=np.float64)
    out = frame.copy()
    if matrix.shape == (2, 3) and _area(matrix) < _FLAT:
        return out
    view = _View.of(matrix, rgba, frame.shape[:2])
    size = (min(view.rows, frame.shape[0]), min(view.columns, frame.shape[1]))
    top, left = view.corner(size, frame.shape[:2])
    window = out[top : top + size[0], left : left + size[1]]
    with torch.no_grad():
        target = torch.from_numpy(matrix[None]).to(rgba.rgba)
        art = rgba.at(view.level)[None]
        patch = _warp(art, target, [(top, left)], size)[0].numpy()
    blended = window.transpose(2, 0, 1) * (1 - patch[3:])
    blended += 255 * patch[:3]
    np.clip(np.rint(blended, out=blended), 0, 255, out=blended)
    window[:] = blended.astype(np.uint8).transpose(1, 2, 0)
    return out


_TOGETHER = 16

_FLAT = 1e-6
"""A pose whose area in pixels is below this is seen edge on."""


@dataclass(frozen=True)
class _View:
    """Where a sticker appears: the window of pixels it can touch, and the resolution of its art.

    Args:
        top, left: the window's first pixel; it may lie outside the frame.
        rows, columns: the window's size, at most the frame's.
        level: the art's size.
    """

    top: int
    left: int
    rows: int
    columns: int
    level: tuple[int, int]

    @classmethod
    def of(cls, pose: NDArray[np.floating], texture: Texture, shape: tuple[int, ...]) -> _View:
        if pose.shape != (2, 3) or not np.isfinite(pose).all():
            raise ValueError("a pose is not a finite 2 x 3 matrix; are there landmarks in this frame?")
        if _area(pose) < _FLAT:
            raise ValueError("a pose has no area: the sticker is seen edge on")
        (xx, xy, x), (yx, yy, y) = pose.tolist()
        level = texture.level(2 * DENSITY * math.hypot(xx, yx), 2 * DENSITY * math.hypot(xy, yy))
        # What is drawn may lie half a texel of this level further out, and bilinear sampling reaches one texel.
        across, down = (min(r + 3 / n, 1 + 1 / n) for r, n in zip(texture.reach, level[::-1], strict=True))
        left, columns = _span(x, abs(xx) * across + abs(xy) * down, shape[1])
        top, rows = _span(y, abs(yx) * across + abs(yy) * down, shape[0])
        return cls(top, left, rows, columns, level)

    def corner(self, size: tuple[int, int], shape: tuple[int, ...]) -> tuple[int, int]:
        """The first pixel, (row, column), of a window of `size` that holds this one and lies in the frame."""
        return min(self.top, shape[0] - size[0]), min(self.left, shape[1] - size[1])


def _groups(views: list[_View]) -> Iterator[tuple[tuple[int, int], list[int]]]:
    """Views that share a level, a few at a time: small intermediates stay in the processor's cache."""
    by_level: dict[tuple[int, int], list[int]] = {}
    for i, view in enumerate(views):
        by_level.setdefault(view.level, []).append(i)
    for level, members in by_level.items():
        for start in range(0, len(members), _TOGETHER):
            yield level, members[start : start + _TOGETHER]


def _area(pose: NDArray[np.floating]) -> float:
    """A quarter of the canvas's area in pixels."""
    (xx, xy, _), (yx, yy, _) = pose.tolist()
    return float(abs(xx * yy - xy * yx))


def _span(middle: float, reach: float, length: int) -> tuple[int, int]:
    """The first pixel within reach that the frame does not begin after, and how many follow, at most the frame's."""
    low, high = max(middle - reach, -1e9), min(middle + reach, 1e9)
    return max(math.floor(low), 0), min(max(math.ceil(high) - math.floor(low) + 1, 1), length)


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


def _check(
    frames: torch.Tensor, rgba: torch.Tensor | Texture, poses: torch.Tensor
) -> tuple[torch.Tensor, list[Texture]]:
    """Frames and textures, one for each pose."""
    if poses.ndim != 3 or poses.shape[1:] != (2, 3):
        raise ValueError(f"poses have shape {tuple(poses.shape)}; expected (N, 2, 3)")
    count = len(poses)
    if frames.ndim != 4 or frames.shape[1] != 3 or frames.shape[0] not in (1, count):
        raise ValueError(f"frames have shape {tuple(frames.shape)}; expected ({count}, 3, H, W) or (1, 3, H, W)")
    if isinstance(rgba, Texture):
        return frames.expand(count, -1, -1, -1), [rgba] * count
    if rgba.ndim == 4:
        if len(rgba) != count:
            raise ValueError(f"there are {len(rgba)} pictures for {count} poses; expected one each, or one for all")
        return frames.expand(count, -1, -1, -1), [Texture(one) for one in rgba]
    return frames.expand(count, -1, -1, -1), [Texture(rgba)] * count
