"""Fetch the two face networks from the published mediapipe wheel and check every hash.

    python scripts/build_face_nets.py [WHEEL]

Writes `mask/faces/assets/*.tflite`. Nothing of the wheel is run or installed.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from mask.faces.nets import DETECTOR, MESH, SHA256

WHEEL = "mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl"
WHEEL_SHA256 = "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3"
MEMBERS = {
    DETECTOR: f"mediapipe/modules/face_detection/{DETECTOR}",
    MESH: f"mediapipe/modules/face_landmark/{MESH}",
}
ASSETS = Path(__file__).resolve().parent.parent / "mask" / "faces" / "assets"


def download(folder: Path) -> Path:
    """Download the wheel with pip, for the platform it was published for, whatever this one is."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--platform", "manylinux_2_28_x86_64", "--python-version", "3.11", "--implementation", "cp"]
    subprocess.run([*command, "--dest", str(folder), "mediapipe==0.10.21"], check=True)  # noqa: S603
    return folder / WHEEL


def checked(data: bytes, expected: str, name: str) -> bytes:
    """The data itself, when its SHA-256 is the expected one."""
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise SystemExit(f"{name} has SHA-256 {found}; expected {expected}")
    return data


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        wheel = Path(sys.argv[1]) if len(sys.argv) > 1 else download(Path(folder))
        checked(wheel.read_bytes(), WHEEL_SHA256, wheel.name)
        with zipfile.ZipFile(wheel) as archive:
            for name, member in MEMBERS.items():
                (ASSETS / name).write_bytes(checked(archive.read(member), SHA256[name], name))
                print(f"{ASSETS / name}: {SHA256[name]}")


if __name__ == "__main__":
    main()
