"""Stickers: drawings, where they lie on a moving face, and drawing them onto frames or flow maps.

The differentiable renderer, `mask.sticker.render.composite`, is imported by its own name: it needs torch, which
protecting a video does not.
"""

from .frames import StickeredFrames
from .pose import AVERAGE, Pose, progress
from .raster import render_frame
from .texture import Texture, named

__all__ = ["AVERAGE", "Pose", "StickeredFrames", "Texture", "named", "progress", "render_frame"]
