"""The ranges physics is drawn from, and one draw.

In the order they act: print (`printing`), light (`light`), the way the sticker lies (`geometry`), lens and sensor, and
the codec (`camera`). The frames given have been lit and filmed already, so all but the codec acts on the sticker alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Range = tuple[float, float]
"""Least and greatest value; drawn uniformly."""

Codec = Literal["none", "jpeg", "h264"]


@dataclass(frozen=True)
class Draw:
    """One draw of everything, for all frames of a clip; the default changes nothing.

    Args:
        rotation: degrees, clockwise in the picture, about the sticker's middle.
        scale: factor of its size.
        shift: (x, y) in shares of the face box's width, in the picture.
        bend: degrees by which the surface has turned away at the edge of the canvas; see `geometry`.
        bend_axis: degrees, clockwise from the canvas's x axis, of the line about which it is bent.
        perspective: (x, y) shares by which the far edge of the canvas is seen smaller than its middle.
        follow: how much of the landmarks' motion since the first frame the sticker follows.
        printed: whether its colours are brought into the print gamut.
        tint: factors of red, green and blue.
        shade: share by which the light falls off from the middle to the edge of the canvas, and rises the other way.
        shade_from: degrees, clockwise, from which the light comes; 0 is from the canvas's right.
        shadow: share of the light that a cast shadow takes.
        shadow_from: degrees, clockwise, on which side the shadow lies.
        shadow_edge: where on the canvas, -1 to 1 along that direction, it begins.
        contrast, brightness, gamma: ``(contrast * (colour - 1/2) + 1/2 + brightness) ** gamma``.
        blur: standard deviation of the lens's blur, in pixels.
        noise: standard deviation of the sensor's noise, in shares of full scale; fresh in every frame.
        codec: what the frames are stored with.
        quality: of the codec: JPEG quality 1 to 100, or H.264 constant rate factor 0 to 51.
        seed: of the noise.
    """

    rotation: float = 0.0
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    bend: float = 0.0
    bend_axis: float = 0.0
    perspective: tuple[float, float] = (0.0, 0.0)
    follow: float = 1.0
    printed: bool = False
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    shade: float = 0.0
    shade_from: float = 0.0
    shadow: float = 0.0
    shadow_from: float = 0.0
    shadow_edge: float = 0.0
    contrast: float = 1.0
    brightness: float = 0.0
    gamma: float = 1.0
    blur: float = 0.0
    noise: float = 0.0
    codec: Codec = "none"
    quality: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Physics:
    """The ranges of a `Draw`, each uniform and independent of the others.

    Rotation, scale, shift, contrast, brightness, gamma, noise and blur are of the size the literature uses for printed
    patches (Sharif et al. 2016; Thys et al. 2019, adversarial-yolo; Zolfi et al. 2022, Adversarial Mask; Scheurer et
    al. 2023). The others are this toolbox's own: 25 degrees of bend are a canvas of 47 mm (a sticker of 4.6 % of the
    face) on a cheek of 54 mm radius; a perspective of .05 is that canvas, edge on, half a metre away.

    Args:
        rotation: degrees.
        scale: factor.
        shift: shares of the face box's width, along each axis.
        bend: degrees at the edge of the canvas, about an axis in any direction.
        perspective: shares at the edge of the canvas, along each axis.
        follow: factor of the landmarks' motion.
        printed: whether colours are brought into the print gamut.
        tint: factor of each channel.
        shade, shadow: shares of the light, from any direction.
        contrast: factor.
        brightness: shares of full scale.
        gamma: exponent.
        blur: pixels, standard deviation.
        noise: shares of full scale, standard deviation.
        codecs: drawn with equal chance.
        jpeg: quality.
        h264: constant rate factor; 18 is hardly visible, 28 is a poor stream.

    Raises:
        ValueError: for a range that is no range, or that leaves what is physical.
    """

    rotation: Range = (-15.0, 15.0)
    scale: Range = (0.9, 1.1)
    shift: Range = (-0.02, 0.02)
    bend: Range = (0.0, 25.0)
    perspective: Range = (-0.05, 0.05)
    follow: Range = (0.9, 1.1)
    printed: bool = True
    tint: Range = (0.95, 1.05)
    shade: Range = (0.0, 0.2)
    shadow: Range = (0.0, 0.3)
    contrast: Range = (0.8, 1.2)
    brightness: Range = (-0.1, 0.1)
    gamma: Range = (0.8, 1.25)
    blur: Range = (0.0, 1.5)
    noise: Range = (0.02, 0.05)
    codecs: tuple[Codec, ...] = ("jpeg", "h264")
    jpeg: tuple[int, int] = (70, 95)
    h264: tuple[int, int] = (18, 28)

    def __post_init__(self) -> None:
        for name, (least, most) in _LIMITS.items():
            low, high = getattr(self, name)
            if not least <= low <= high <= most:
                raise ValueError(f"{name} is {(low, high)}; expected a rising range within {least:g} to {most:g}")
        if not self.codecs or not set(self.codecs) <= {"none", "jpeg", "h264"}:
            raise ValueError(f"codecs is {self.codecs}; expected some of none, jpeg, h264")

    def draw(self, rng: np.random.Generator) -> Draw:
        """One draw; equal generators give equal draws.

        >>> Physics().draw(np.random.default_rng(0)) == Physics().draw(np.random.default_rng(0))
        True
        """

        def one(span: Range) -> float:
            return float(rng.uniform(*span))

        codec = self.codecs[int(rng.integers(len(self.codecs)))]
        span = self.jpeg if codec == "jpeg" else self.h264
        return Draw(
            rotation=one(self.rotation),
            scale=one(self.scale),
            shift=(one(self.shift), one(self.shift)),
            bend=one(self.bend),
            bend_axis=one((0, 180)),
            perspective=(one(self.perspective), one(self.perspective)),
            follow=one(self.follow),
            printed=self.printed,
            tint=(one(self.tint), one(self.tint), one(self.tint)),
            shade=one(self.shade),
            shade_from=one((0, 360)),
            shadow=one(self.shadow),
            shadow_from=one((0, 360)),
            shadow_edge=one((-1, 1)),
            contrast=one(self.contrast),
            brightness=one(self.brightness),
            gamma=one(self.gamma),
            blur=one(self.blur),
            noise=one(self.noise),
            codec=codec,
            quality=int(rng.integers(span[0], span[1] + 1)) if codec != "none" else 0,
            seed=int(rng.integers(2**31)),
        )


_LIMITS: dict[str, Range] = {
    "rotation": (-180, 180),
    "scale": (0.25, 4),
    "shift": (-0.5, 0.5),
    "bend": (0, 45),
    "perspective": (-0.2, 0.2),
    "follow": (0, 2),
    "tint": (0, 2),
    "shade": (0, 1),
    "shadow": (0, 1),
    "contrast": (0, 4),
    "brightness": (-1, 1),
    "gamma": (0.1, 10),
    "blur": (0, 20),
    "noise": (0, 1),
    "jpeg": (1, 100),
    "h264": (0, 51),
}

STORED = Physics(
    rotation=(0, 0),
    scale=(1, 1),
    shift=(0, 0),
    bend=(0, 0),
    perspective=(0, 0),
    follow=(1, 1),
    printed=False,
    tint=(1, 1),
    shade=(0, 0),
    shadow=(0, 0),
    contrast=(1, 1),
    brightness=(0, 0),
    gamma=(1, 1),
    blur=(0, 0),
    noise=(0, 0),
)
"""What befalls a sticker that is drawn into the frames, and never printed: the codec alone."""
