"""Faces: detection, the 468-point mesh, tracking, alignment.

Two small networks of MediaPipe (Apache-2.0) run by `cv2.dnn`; everything around them is written here.
"""

from .align import aligned, aligned_pair, clip_box
from .detector import Detection, detect
from .draw import draw_mesh
from .mesh import FaceMesh, find_face
from .roi import Roi, roi_from_landmarks
from .sequence import FaceTrack, TrackedLandmarks, track_clip
from .tracker import FaceTracker, TrackedFace, track

__all__ = [
    "Detection",
    "FaceMesh",
    "FaceTrack",
    "FaceTracker",
    "Roi",
    "TrackedFace",
    "TrackedLandmarks",
    "aligned",
    "aligned_pair",
    "clip_box",
    "detect",
    "draw_mesh",
    "find_face",
    "roi_from_landmarks",
    "track",
    "track_clip",
]
