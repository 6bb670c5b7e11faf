"""Stickers: drawings, where they lie on a moving face, and drawing them onto frames or flow maps."""

from .frames import StickeredFrames
from .pose import AVERAGE, Pose, progress
from .render import composite, render_frame
from .texture import Texture, named

__all__ = ["AVERAGE", "Pose", "StickeredFrames", "Texture", "composite", "named", "progress", "render_frame"]
