"""Video in and out: streaming, random access, writing, editing, with PyAV (FFmpeg in process).

Files come from strangers: they are opened by an allow-list of containers, may not refer to anything else, and are
refused above 8192 pixels a side. Written files appear only when complete.
"""

from .colour import Colour
from .folder import read_picture
from .frames import open_frames
from .read import FrameReader, PartialVideo, read_frames
from .source import VideoInfo, probe
from .transcoding import Edit, Transcoded, transcode
from .write import VideoWriter, writable_suffix

__all__ = [
    "Colour",
    "Edit",
    "FrameReader",
    "PartialVideo",
    "Transcoded",
    "VideoInfo",
    "VideoWriter",
    "open_frames",
    "probe",
    "read_frames",
    "read_picture",
    "transcode",
    "writable_suffix",
]
