"""What skin looks like: an albedo texture per person, wrapped around the head like a label around a bottle.

Texture coordinates are (s, v) in decimetres on the mean head: `s` around the vertical axis, zero at the nose, to the
picture's right; `v` up from the eyes. Linear RGB albedo is stored as its square root in 11 bits a channel, three
channels to one 64-bit integer, so that a bilinear look-up mixes all three at once in exact arithmetic.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .head import Array, Pack
from .people import Person

DENSITY = 180  # texels per decimetre, about 1.7 to a pixel
LEFT, RIGHT, TOP, BOTTOM = -1.75, 1.75, 1.45, -1.70
WIDTH, HEIGHT = int((RIGHT - LEFT) * DENSITY), int((TOP - BOTTOM) * DENSITY)
AXIS_Z, RADIUS = 0.30, 0.90
STEPS = 2047

# Curves over |s|: the middle and half-width of a brow, and the hairline of a full head of hair.
_BROW = np.array([[0.10, 0.135], [0.16, 0.160], [0.24, 0.180], [0.334, 0.188], [0.41, 0.162], [0.475, 0.115]])
_BROW_WIDTH = np.array([[0.10, 0.032], [0.15, 0.040], [0.27, 0.034], [0.36, 0.024], [0.475, 0.006]])


def unwrap(pack: Pack) -> tuple[Array, float]:
    """(V, 2) texture coordinates (s, v) of the mesh, and the height of the eyes on the mean head."""
    eyes = np.unique(pack.triangles[pack.part == 1])
    level = float((pack.mean[eyes, 1].max() + pack.mean[eyes, 1].min()) / 2)
    x, y, z = pack.mean.T
    return np.stack([RADIUS * np.arctan2(x, z - AXIS_Z), y - level], axis=1), level


def texel(coordinates: Array) -> Array:
    """(..., 2) texture coordinates in decimetres to (column, row)."""
    s, v = coordinates[..., 0], coordinates[..., 1]
    column = np.clip((s - LEFT) * DENSITY, 1.0, WIDTH - 2.5)
    row = np.clip((TOP - v) * DENSITY, 1.0, HEIGHT - 2.5)
    return np.stack([column, row], axis=-1)


def pack_rgb(albedo: Array) -> NDArray[np.int64]:
    """Linear RGB in 0..1 to the packed texture format."""
    levels = np.rint(np.sqrt(np.clip(albedo, 0.0, 1.0)) * STEPS).astype(np.int64)
    out: NDArray[np.int64] = levels[..., 0] << 42 | levels[..., 1] << 21 | levels[..., 2]
    return out


@lru_cache(maxsize=1)
def _grid() -> tuple[Array, Array]:
    """(1, WIDTH) and (HEIGHT, 1): what depends on one coordinate alone is computed once."""
    return (LEFT + np.arange(WIDTH) / DENSITY)[None, :], (TOP - np.arange(HEIGHT) / DENSITY)[:, None]


def smooth(x: Array) -> Array:
    """0 below 0, 1 above 1, smooth between."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3 - 2 * x)


def noise(table: Array, x: Array, y: Array) -> Array:
    """Smooth noise of unit frequency with values of `table`, repeating every 256 units."""
    x0, y0 = np.floor(x), np.floor(y)
    fx, fy = smooth(x - x0), smooth(y - y0)
    i, j = x0.astype(np.int64) & 255, (y0.astype(np.int64) & 255) << 8
    i1, j1 = (i + 1) & 255, (j + 256) & 0xFF00
    flat = table.ravel()
    a, b = flat[j + i], flat[j1 + i]
    a += (flat[j + i1] - a) * fx
    b += (flat[j1 + i1] - b) * fx
    b -= a
    b *= fy
    b += a
    return b


def tone(melanin: float) -> Array:
    """Linear RGB albedo of skin."""
    pale, dark = np.log([0.70, 0.455, 0.345]), np.log([0.105, 0.052, 0.034])
    out: Array = np.exp(pale + (dark - pale) * melanin**0.9)
    return out


def blood(melanin: float) -> Array:
    """How redness changes the albedo, per channel."""
    return np.array([0.06, -0.30, -0.24]) * (1 - 0.55 * melanin)


def paint(person: Person) -> Array:
    """The skin's albedo, ``float64 (HEIGHT, WIDTH, 3)`` linear RGB."""
    rng = np.random.default_rng(person.paint)
    table = rng.random((256, 256)) * 2 - 1
    s, v = _grid()
    a = np.abs(s)
    shade, red = np.ones((HEIGHT, WIDTH)), np.zeros((HEIGHT, WIDTH))

    broad = noise(table, s * 5 + 11, v * 5) * 0.6 + noise(table, s * 13, v * 13 + 7) * 0.4
    fine = noise(table, s * 42 + 3, v * 42)
    pores = noise(table, s * 95, v * 95 + 31)
    shade += 0.045 * broad + 0.03 * fine + (0.035 + 0.02 * person.oil * _blob(a, v, 0.2, -0.35, 0.45, 0.4)) * pores

    cheek, nose = _blob(a, v, 0.42, -0.33, 0.24, 0.2), _blob(a, v, 0.0, -0.42, 0.16, 0.14)
    red += person.redness * (0.5 * cheek * (0.8 + 0.5 * broad) + 0.45 * nose + 0.3 * _blob(a, v, 0.0, -1.0, 0.3, 0.15))
    red += 0.35 * _blob(a, v, 0.28, -0.06, 0.2, 0.09) + 0.22 * broad + 0.25 * smooth((a - 1.05) / 0.2)
    shade -= (0.07 + 0.09 * person.age) * _blob(a, v, 0.26, -0.14, 0.15, 0.06)  # under the eyes
    shade -= 0.05 * _blob(a, v, 0.28, 0.09, 0.22, 0.06)  # upper lids
    _wrinkles(shade, table, person.age, s, v)
    _freckles(shade, red, table, person, s, v, rng)
    albedo = tone(person.melanin) * np.clip(shade, 0.05, 1.6)[..., None]
    albedo = albedo * (1 + blood(person.melanin) * np.clip(red, -0.3, 1.6)[..., None])
    _beard(albedo, table, person, s, v)
    _brows(albedo, table, person, s, v)
    cloth = smooth((_neckline(a) - v) / 0.012)[..., None]
    weave = 1 + 0.10 * noise(table, s * 60, v * 60)[..., None] - 0.25 * smooth(1 - (_neckline(a) - v) / 0.10)[..., None]
    return np.asarray(np.clip(albedo * (1 - cloth) + cloth * np.array(person.shirt) * weave, 0.002, 0.95))


def _blob(a: Array, v: Array, s0: float, v0: float, ds: float, dv: float) -> Array:
    """A soft spot, mirrored left and right."""
    out: Array = smooth(1.25 - 0.5 * (((a - s0) / ds) ** 2 + ((v - v0) / dv) ** 2))
    return out


def _neckline(a: Array) -> Array:
    return np.asarray(np.interp(a, [0.0, 0.35, 0.7, 1.0, 1.3, 1.75], [-1.62, -1.52, -1.28, -1.12, -1.05, -1.0]))


def _wrinkles(shade: Array, table: Array, age: float, s: Array, v: Array) -> None:
    """Lines of age: a dark groove with a light lip, deeper with the years."""
    a = np.abs(s)
    depth = 0.02 + 0.16 * age
    still = np.full_like(s, 9.5)
    wave = 0.02 * noise(table, s * 4 + 50, still)
    for i, height in enumerate((0.36, 0.45, 0.55)):
        line = height + wave + 0.006 * noise(table, s * 9 + 17 * i, still)
        rough = 0.7 + 0.3 * noise(table, s * 6, still + i)
        rows = _rows(height + 0.06, height - 0.06)
        _groove(shade[rows], (v[rows] - line) / 0.009, depth * smooth((0.46 - a) / 0.2) * rough)
    rows = _rows(-0.38, -0.84)
    v0 = v[rows]
    fold = a - (0.175 + 0.34 * (-0.42 - v0) - 0.12 * (v0 + 0.42) ** 2)
    _groove(shade[rows], fold / 0.014, (0.05 + 0.14 * age) * smooth((-0.40 - v0) / 0.06) * smooth((v0 + 0.80) / 0.15))
    rows = _rows(0.2, -0.2)
    v0 = v[rows]
    for i in range(3):
        crow = v0 - (0.03 - 0.05 * i) - (a - 0.55) * (0.35 - 0.35 * i)
        _groove(shade[rows], crow / 0.007, 0.22 * max(age - 0.25, 0.0) * _blob(a, v0, 0.62, 0.0, 0.08, 0.12))


def _rows(top: float, bottom: float) -> slice:
    return slice(int((TOP - top) * DENSITY), int((TOP - bottom) * DENSITY))


def _groove(shade: Array, across: Array, depth: Array) -> None:
    shade -= depth * (np.exp(-across * across) - 0.45 * np.exp(-((across + 1.6) ** 2)))


def _freckles(
    shade: Array, red: Array, table: Array, person: Person, s: Array, v: Array, rng: np.random.Generator
) -> None:
    where = np.clip(_blob(np.abs(s), v, 0.3, -0.28, 0.45, 0.3) + 0.25 * smooth((v + 0.9) / 0.3), 0, 1)
    spots = smooth((noise(table, s * 33 + 90, v * 33 + 40) - 0.55) / 0.25) * person.freckles * where
    shade -= 0.22 * spots
    red += 0.3 * spots
    for _ in range(int(rng.integers(1, 6))):
        x, y = float(rng.uniform(-0.7, 0.7)), float(rng.uniform(-1.25, 0.6))
        size = float(rng.uniform(0.008, 0.018))
        rows = _rows(y + 2 * size, y - 2 * size)
        shade[rows] -= 0.5 * smooth(1.6 - np.hypot(s - x, v[rows] - y) / size)


def _beard(albedo: Array, table: Array, person: Person, s: Array, v: Array) -> None:
    if person.beard <= 0:
        return
    rows, a = _rows(0.0, BOTTOM + 0.05), np.abs(s)
    v, albedo = v[rows], albedo[rows]
    upper = np.interp(
        a, [0, 0.1, 0.24, 0.33, 0.5, 0.75, 0.92, 1.02], [-0.57, -0.56, -0.62, -0.78, -0.72, -0.52, -0.25, 0.0]
    )
    area = smooth((upper - v) / 0.09) * smooth((v + 1.22) / 0.12) * smooth((1.08 - a) / 0.1)
    area = area * (1 - 0.75 * _blob(a, v, 0.0, -0.745, 0.2, 0.05))
    hairs = 0.55 + 0.45 * smooth((noise(table, s * 110 + 5, v * 70 + 60) + 0.25) / 0.6)
    cover = (0.55 * person.beard * area * hairs)[..., None]
    colour = 0.5 * np.array(person.hair) + 0.12 * tone(person.melanin)
    albedo *= 1 - cover
    albedo += cover * colour


def _brows(albedo: Array, table: Array, person: Person, s: Array, v: Array) -> None:
    rows, a = _rows(0.36, -0.02), np.abs(s)
    v = v[rows]
    half = np.interp(a, *_BROW_WIDTH.T) * person.brow
    across = (v - np.interp(a, *_BROW.T)) / np.maximum(half, 1e-3)
    lean = np.interp(a, [0.10, 0.22, 0.45], [1.15, 0.45, -0.25])
    along, aside = np.cos(lean) * a + np.sin(lean) * v, np.cos(lean) * v - np.sin(lean) * a
    hairs = noise(table, along * 14 + 100 * (s > 0), aside * 105 + 20)
    body = smooth(1.45 - np.abs(across)) * smooth((a - 0.08) / 0.05) * smooth((0.49 - a) / 0.06)
    cover = np.clip(body * (0.70 + 0.42 * hairs), 0, 0.92)[..., None]
    hair = np.array(person.hair)
    colour = 0.8 * hair * min(1.0, 0.10 / float(hair.max())) * [1.05, 0.95, 0.85] + 0.05 * tone(person.melanin)
    albedo[rows] = albedo[rows] * (1 - cover) + cover * colour
