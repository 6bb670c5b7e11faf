"""The two bundled face networks, run by `cv2.dnn`.

Both come unchanged from the mediapipe 0.10.21 wheel (Apache-2.0, see ``assets/PROVENANCE.md``). They are
checked against their SHA-256 before OpenCV reads them, so that a damaged file never runs.
"""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mask.errors import UnreadableWeights

DETECTOR = "face_detection_short_range.tflite"
MESH = "face_landmark.tflite"

SHA256 = {
    DETECTOR: "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
    MESH: "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
}

# OpenCV 5 finds some heads by name only, so every output is named here.
_OUTPUTS = {DETECTOR: ("regressors", "classificators"), MESH: ("conv2d_21", "conv2d_31")}


class Net:
    """One network. An instance serves one thread; it can be pickled and then loads itself again.

    Args:
        name: `DETECTOR` or `MESH`.

    Raises:
        UnreadableWeights: when the file is missing or not the published one.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._net = _read(name)

    def __call__(self, pictures: NDArray[Any]) -> tuple[NDArray[np.float32], ...]:
        """Run on an NCHW float32 blob; returns the outputs in the order named above."""
        self._net.setInput(pictures)
        return tuple(self._net.forward(_OUTPUTS[self._name]))

    def __reduce__(self) -> tuple[type[Net], tuple[str]]:
        return Net, (self._name,)


def check_asset(path: Path) -> None:
    """Check a network file against the published SHA-256; `UnreadableWeights` when it differs or is missing."""
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UnreadableWeights(f"the bundled network {path.name} is missing; reinstall MASK") from error
    if found != SHA256[path.name]:
        raise UnreadableWeights(
            f"the bundled network {path.name} is not the published one (SHA-256 {found[:12]}..., expected "
            f"{SHA256[path.name][:12]}...); reinstall MASK or run scripts/build_face_nets.py"
        )


def _read(name: str) -> Any:
    with resources.as_file(resources.files(__package__).joinpath("assets", name)) as path:
        check_asset(path)
        # OpenCV 5's default engine refuses two outputs in one forward call and takes twice the time for two calls;
        # the classic engine, the only one in OpenCV 4, gives both at once. It is chosen only for a path: given a
        # buffer, OpenCV 5.0 ignores the argument.
        if hasattr(cv2.dnn, "ENGINE_CLASSIC"):
            return cv2.dnn.readNetFromTFLite(str(path), cv2.dnn.ENGINE_CLASSIC)
        return cv2.dnn.readNetFromTFLite(str(path))
