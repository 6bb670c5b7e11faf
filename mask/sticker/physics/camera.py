"""Lens, sensor and codec."""

from __future__ import annotations

import io

import av
import cv2
import numpy as np
import torch
from kornia.filters import gaussian_blur2d
from numpy.typing import NDArray

from .draws import Draw

Frames8 = NDArray[np.uint8]
"""``uint8 (T, H, W, 3)`` RGB."""


def defocus(art: torch.Tensor, sigma: float) -> torch.Tensor:
    """The drawing out of focus: a Gaussian of `sigma` texels, the border taken as empty; differentiable."""
    if sigma <= 0:
        return art
    reach = 2 * int(np.ceil(3 * sigma)) + 1
    found: torch.Tensor = gaussian_blur2d(art[None], (reach, reach), (sigma, sigma), border_type="constant")[0]
    return found


def grain(like: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Sensor noise of `Draw.noise`, fresh in every frame and equal for equal seeds, shaped as `like`."""
    generator = torch.Generator().manual_seed(draw.seed)
    return draw.noise * torch.randn(like.shape, generator=generator).to(like)


def record(frames: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Frames rounded to 8 bits and stored with the draw's codec.

    Neither rounding nor a codec has a useful gradient; both are passed straight through.

    Args:
        frames: ``float (N, 3, T, H, W)`` in [0, 1], T frames in order.
        draw: its codec and quality are used.

    Returns:
        ``float (N, 3, T, H, W)``, multiples of 1/255.
    """
    levels = (frames.detach().clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 4, 1).cpu().numpy()
    coded = np.stack([encode(one, draw) for one in levels])
    stored = torch.from_numpy(coded).permute(0, 4, 1, 2, 3).to(frames) / 255
    return frames + (stored - frames).detach()


def encode(frames: Frames8, draw: Draw) -> Frames8:
    """`record` on 8-bit frames: ``uint8 (T, H, W, 3)`` in and out."""
    if draw.codec == "jpeg":
        return jpeg(frames, draw.quality)
    if draw.codec == "h264":
        return h264(frames, draw.quality)
    return frames


def jpeg(frames: Frames8, quality: int) -> Frames8:
    """Each frame through JPEG of a quality of 1 to 100, colour at half resolution."""
    out = []
    for frame in frames:
        done, coded = cv2.imencode(".jpg", np.ascontiguousarray(frame[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])
        if not done:
            raise ValueError(f"a frame of shape {frame.shape} cannot be written as JPEG")
        out.append(np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR))[..., ::-1])
    return np.stack(out).astype(np.uint8)


def h264(frames: Frames8, crf: int) -> Frames8:
    """The frames as one H.264 stream of a constant rate factor of 0 to 51, colour at half resolution."""
    count, rows, columns = frames.shape[:3]
    even = np.pad(frames, ((0, 0), (0, rows % 2), (0, columns % 2), (0, 0)), mode="edge")
    stream = io.BytesIO()
    with av.open(stream, "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=25, options={"crf": str(crf), "threads": "1"})
        video.width, video.height, video.pix_fmt = even.shape[2], even.shape[1], "yuv420p"
        for frame in even:
            # Converted here: frames that libswscale converts are not always encoded to the same bytes.
            yuv = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2YUV_I420)
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.asarray(yuv, dtype=np.uint8), format="yuv420p")))
        container.mux(video.encode())
    stream.seek(0)
    with av.open(stream, "r") as source:
        planes = [f.to_ndarray(format="yuv420p") for f in source.decode(video=0)]
    shown = [cv2.cvtColor(p, cv2.COLOR_YUV2RGB_I420) for p in planes]
    if len(shown) != count:
        raise ValueError(f"H.264 gave back {len(shown)} frames of {count}")
    return np.stack(shown)[:, :rows, :columns].astype(np.uint8)
