"""The camera: a pinhole a little over a metre away, and a head that turns about its neck."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .head import Array

DISTANCE = 11.0  # decimetres from the eyes
PUPILS_PX = 66 / 256  # eye distance over picture width
EYE_ROW = 0.41  # height of the eyes over picture height
_PIVOT = np.array([0.0, -1.05, -0.95])  # where the skull sits on the neck


@dataclass(frozen=True)
class HeadPose:
    """How the head is held.

    Args:
        yaw, pitch, roll: radians; turning to the picture's right, looking up, tilting clockwise in the picture.
        x, y, z: decimetres to the right, up and towards the camera.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    x: float = 0.0
    y: float = 0.0
    z: float = 0.0

    def matrix(self) -> Array:
        """The 3 x 3 rotation."""
        (cy, sy), (cp, sp), (cr, sr) = ((np.cos(a), np.sin(a)) for a in (self.yaw, -self.pitch, -self.roll))
        yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
        roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
        return _product(roll, _product(pitch, yaw))


def steady(yaw: float, pitch: float, roll: float, x: float, y: float, z: float) -> HeadPose:
    """A pose whose turn leaves the point between the eyes where it was, then shifted by x, y and z."""
    turned = turn(-_PIVOT[None], HeadPose(yaw, pitch, roll).matrix())[0] + _PIVOT
    return HeadPose(yaw, pitch, roll, x - float(turned[0]), y - float(turned[1]), z - float(turned[2]))


def _product(a: Array, b: Array) -> Array:
    """Matrix product in a fixed order of additions."""
    out: Array = a[:, 0:1] * b[0] + a[:, 1:2] * b[1] + a[:, 2:3] * b[2]
    return out


def turn(points: Array, matrix: Array) -> Array:
    """Rotate (N, 3) points or normals."""
    x, y, z = points[:, 0], points[:, 1], points[:, 2]
    return np.stack([m[0] * x + m[1] * y + m[2] * z for m in matrix], axis=1)


def place(points: Array, pose: HeadPose, follow: Array) -> Array:
    """Hold the head: points with `follow` 1 move with it, those with 0 stay."""
    moved = turn(points - _PIVOT, pose.matrix()) + (_PIVOT + np.array([pose.x, pose.y, pose.z]))
    out: Array = points + (moved - points) * follow[:, None]
    return out


def project(points: Array, size: int) -> tuple[Array, Array]:
    """World points to pixels.

    Returns:
        (N, 2) pixels, x right, y down, and (N,) depth, larger is nearer.
    """
    scale = size * PUPILS_PX / 0.63 * DISTANCE / (DISTANCE - points[:, 2])
    x = points[:, 0] * scale + (size - 1) / 2
    y = size * EYE_ROW - 0.5 - points[:, 1] * scale
    return np.stack([x, y], axis=1), points[:, 2]
