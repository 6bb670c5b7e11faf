"""Find where on the synthetic head the 468 points of the face mesh net lie, and write it into the head pack.

    python scripts/attach_landmarks.py

The net looks at many rendered faces, in several poses and expressions, and for each of its points the place on the
skin is taken that stays closest to what it said over all of them: a least-squares fit over some forty thousand
candidate places, left and right together, so that the result is symmetric. Expressions tell the upper lip from the
lower and the lid from what it covers. Run after `build_head.py`; then put the SHA-256 it prints into `head.py`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from mask.data.synthetic import actor, camera, head, light, people, render
from mask.data.synthetic.stage import Stage

ROOT = Path(__file__).resolve().parent.parent
NET = ROOT / "mask" / "faces" / "assets" / "face_landmark.tflite"
PACK = ROOT / "mask" / "data" / "synthetic" / "assets" / "head.npz"
SIZE = 384
FACES = 48
# A grid of places in a triangle: (weights of the three corners).
PLACES = np.array([[i, j, 4 - i - j] for i in range(5) for j in range(5 - i)]) / 4
EXPRESSIONS: tuple[dict[str, float], ...] = (
    {},
    {"AU26": 0.35, "L5": 0.5, "R5": 0.5},
    {"L12": 0.5, "R12": 0.5, "L6": 0.4, "R6": 0.4},
    {"L1": 0.7, "R1": 0.7, "L2": 0.7, "R2": 0.7, "AU26": 0.2},
    {"L45": 0.6, "R45": 0.6, "L4": 0.6, "R4": 0.6},
)


@dataclass(frozen=True, eq=False)
class View:
    """One render and what the net said about it.

    Args:
        points: (V, 2) pixels of the head's vertices.
        said: (468, 2) pixels.
        unit: pixels between the eyes.
    """

    points: NDArray[np.float64]
    said: NDArray[np.float64]
    unit: float


class MeshNet:
    """The 468-point net, run on a square crop twice: the second crop follows what the first one found."""

    def __init__(self) -> None:
        self._net = cv2.dnn.readNetFromTFLite(str(NET))

    def __call__(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.float64], float]:
        """(468, 2) pixels, and the score's logit."""
        size = picture.shape[0]
        centre, side = np.array([size / 2, size * 0.56]), size * 0.95
        for _ in range(3):
            scale = 192 / side
            matrix = np.array([[scale, 0, 96 - scale * centre[0]], [0, scale, 96 - scale * centre[1]]])
            crop = cv2.warpAffine(picture, matrix, (192, 192), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            blob = cv2.dnn.blobFromImage(crop, 1 / 255.0, (192, 192))
            self._net.setInput(blob)
            said = self._net.forward("conv2d_21").reshape(468, 3)[:, :2].astype(np.float64)
            self._net.setInput(blob)
            score = float(self._net.forward("conv2d_31").ravel()[0])
            said = (said - 0.5 - matrix[:, 2]) / scale  # the net counts from the corner of the first pixel
            low, high = said.min(axis=0), said.max(axis=0)
            centre, side = (low + high) / 2, 1.5 * float((high - low).max())
        return said, score


def room(rng: np.random.Generator) -> light.Room:
    """Soft light from some direction in front."""
    toward = np.array([rng.uniform(-0.7, 0.7), rng.uniform(0.2, 0.7), 0.8])
    key = light.Lamp(toward / np.linalg.norm(toward), np.array([0.9, 0.88, 0.84]))
    return light.Room((key,), np.array([0.55, 0.55, 0.56]), np.array([0.25, 0.24, 0.22]))


def bare(pack: head.Pack, person: people.Person) -> people.Person:
    """The same person with hair that hides no skin."""
    return people.Person(**{**vars(person), "style": "buzz", "beard": 0.0})


def views(
    pack: head.Pack, net: MeshNet, seed: int, faces: int, expressions: tuple[dict[str, float], ...]
) -> list[View]:
    """Render faces nobody has seen and ask the net."""
    found = []
    for number in range(faces):
        rng = np.random.default_rng([seed, number])
        person = bare(pack, people.draw(pack, number, rng))
        someone = actor.dress(pack, person)
        whole = head_vertices(pack, person)
        for weights in expressions:
            pose = camera.HeadPose(*(rng.normal(size=3) * [0.09, 0.07, 0.05]))
            backdrop = np.full((SIZE, SIZE, 3), 0.25)
            stage = Stage.build(someone, SIZE, pose, room(rng), backdrop, 0.4)
            picture = render.encode(render.unpack(render.develop(stage, render.shoot(stage, weights, pose))))
            said, score = net(picture)
            if score < 2:
                print(f"face {number}: the net is not sure ({score:.1f}), left out")
                continue
            posed = camera.place(whole(weights), pose, np.ones(len(pack.base)))
            points = camera.project(posed, SIZE)[0]
            found.append(View(points, said, SIZE * camera.PUPILS_PX))
    return found


def head_vertices(pack: head.Pack, person: people.Person):
    """A function from an expression to all vertices of the head, in the actor's coordinates."""
    vertices, scale = actor.normalised(pack, person)
    units = actor.express.units(pack)

    def pose(weights: dict[str, float]) -> NDArray[np.float64]:
        out = vertices.copy()
        for code, weight in weights.items():
            index, delta = units[code]
            out[index] += weight * scale * delta
        return out

    return pose


def mirror_points(said: NDArray[np.float64]) -> NDArray[np.int64]:
    """(468,) the point on the other side, from the average of what the net said: an involution."""
    flipped = said * [-1, 1]
    cost = ((said[:, None] - flipped[None]) ** 2).sum(axis=2)
    _, partner = linear_sum_assignment(cost + cost.T)
    if not (partner[partner] == np.arange(468)).all():
        raise SystemExit("the points of the net could not be paired left and right")
    return partner


def candidates(pack: head.Pack) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Places on the skin a point may lie on: triangle, weights, and the place on the other side."""
    outward = pack.mean[:, 2] > pack.mean[:, 2].max() - 1.25
    face = np.flatnonzero(
        (pack.part == 0) & outward[pack.triangles].all(axis=1) & (pack.ambient[pack.triangles] > 0.12).all(axis=1)
    )
    lookup = {tuple(sorted(t)): i for i, t in zip(face.tolist(), pack.triangles[face].tolist(), strict=True)}
    triangle = np.repeat(face, len(PLACES))
    weights = np.tile(PLACES, (len(face), 1))
    where = {(t, place(pack, t, w)): n for n, (t, w) in enumerate(zip(triangle.tolist(), weights, strict=True))}
    other = np.empty(len(triangle), dtype=np.int64)
    for n, (t, w) in enumerate(zip(triangle.tolist(), weights, strict=True)):
        corners = pack.mirror[pack.triangles[t]]
        twin = lookup[tuple(sorted(corners.tolist()))]
        other[n] = where[twin, tuple(sorted((int(c), float(x)) for c, x in zip(corners, w, strict=True)))]
    return triangle, weights, other


def place(pack: head.Pack, triangle: int, weights: NDArray[np.float64]) -> tuple[tuple[int, float], ...]:
    """A place by its corners, whatever their order."""
    return tuple(sorted((int(c), float(w)) for c, w in zip(pack.triangles[triangle], weights, strict=True)))


def attach(
    pack: head.Pack, seen: list[View], partner: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The best place for each point."""
    triangle, weights, other = candidates(pack)
    corners = pack.triangles[triangle]
    points = np.stack([v.points / v.unit for v in seen], axis=1)
    said = np.stack([v.said / v.unit for v in seen], axis=1).reshape(468, -1)
    cost = np.empty((len(triangle), 468))
    for some in np.array_split(np.arange(len(triangle)), len(triangle) // 2000):
        at = np.einsum("cjvx,cj->cvx", points[corners[some]], weights[some]).reshape(len(some), -1)
        cost[some] = (at**2).sum(axis=1)[:, None] - 2 * at @ said.T
    cost += cost[other][:, partner]
    best = cost.argmin(axis=0)
    for i, j in enumerate(partner.tolist()):
        if i < j:
            best[j] = other[best[i]]
    return triangle[best], weights[best]


def error(
    pack: head.Pack, seen: list[View], triangle: NDArray[np.int64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(views, 468) distance between attached points and what the net said, in eye distances."""
    corners = pack.triangles[triangle]
    return np.stack(
        [np.linalg.norm((v.points[corners] * weights[:, :, None]).sum(axis=1) - v.said, axis=1) / v.unit for v in seen]
    )


def main() -> None:
    head.HEAD_SHA256 = hashlib.sha256(PACK.read_bytes()).hexdigest()  # a pack fresh from build_head.py
    pack, net = head.load(), MeshNet()
    seen = views(pack, net, 20, FACES, EXPRESSIONS)
    frontal = np.mean([(v.said - v.said.mean(axis=0)) / v.unit for v in seen], axis=0)
    frontal = frontal - [(frontal[33, 0] + frontal[263, 0]) / 2, 0]
    partner = mirror_points(frontal)
    triangle, weights = attach(pack, seen, partner)
    with np.load(PACK, allow_pickle=False) as old:
        arrays = {k: old[k] for k in old.files}
    arrays["landmark_triangle"] = triangle.astype(np.uint16)
    arrays["landmark_weights"] = np.rint(weights * 4).astype(np.uint8)
    arrays["landmark_mirror"] = partner.astype(np.uint16)
    np.savez_compressed(PACK, **arrays)
    fresh = error(pack, views(pack, net, 21, 12, EXPRESSIONS), triangle, weights) * 66
    neutral = error(pack, views(pack, net, 22, 12, ({},)), triangle, weights) * 66
    for name, gap in (("all expressions", fresh), ("neutral", neutral)):
        print(f"fresh faces, {name}: mean {gap.mean():.2f} px at 256 px, 95th percentile {np.percentile(gap, 95):.2f}")
    print(f"{PACK}: {PACK.stat().st_size / 1e6:.2f} MB, SHA-256 {hashlib.sha256(PACK.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
