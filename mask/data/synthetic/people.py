"""Who is seen: faces, ages, skins and hair, drawn by chance, belonging to nobody."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .head import Array, Pack

# (opposite shapes, spread of the weight); "*" stands for both sides.
_FEATURES: tuple[tuple[str, str, float], ...] = (
    ("head-scale-horiz-decr", "head-scale-horiz-incr", 0.16),
    ("head-scale-vert-decr", "head-scale-vert-incr", 0.1),
    ("head-fat-decr", "head-fat-incr", 0.3),
    ("head-angle-in", "head-angle-out", 0.12),
    ("head-oval", "head-square", 0.35),
    ("head-triangular", "head-round", 0.3),
    ("forehead-scale-vert-decr", "forehead-scale-vert-incr", 0.12),
    ("forehead-trans-backward", "forehead-trans-forward", 0.3),
    ("forehead-nubian-decr", "forehead-nubian-incr", 0.25),
    ("forehead-temple-decr", "forehead-temple-incr", 0.3),
    ("eyebrows-angle-down", "eyebrows-angle-up", 0.3),
    ("eyebrows-trans-down", "eyebrows-trans-up", 0.25),
    ("eyebrows-trans-backward", "eyebrows-trans-forward", 0.3),
    ("*-eye-trans-in", "*-eye-trans-out", 0.25),
    ("*-eye-scale-decr", "*-eye-scale-incr", 0.3),
    ("*-eye-corner1-down", "*-eye-corner1-up", 0.3),
    ("*-eye-corner2-down", "*-eye-corner2-up", 0.4),
    ("*-eye-bag-decr", "*-eye-bag-incr", 0.35),
    ("*-eye-eyefold-down", "*-eye-eyefold-up", 0.35),
    ("*-eye-eyefold-angle-down", "*-eye-eyefold-angle-up", 0.3),
    ("nose-scale-vert-decr", "nose-scale-vert-incr", 0.3),
    ("nose-scale-horiz-decr", "nose-scale-horiz-incr", 0.3),
    ("nose-scale-depth-decr", "nose-scale-depth-incr", 0.3),
    ("nose-hump-decr", "nose-hump-incr", 0.35),
    ("nose-curve-concave", "nose-curve-convex", 0.3),
    ("nose-point-down", "nose-point-up", 0.4),
    ("nose-point-width-decr", "nose-point-width-incr", 0.4),
    ("nose-width1-decr", "nose-width1-incr", 0.35),
    ("nose-width3-decr", "nose-width3-incr", 0.35),
    ("nose-flaring-decr", "nose-flaring-incr", 0.35),
    ("nose-base-down", "nose-base-up", 0.3),
    ("mouth-scale-horiz-decr", "mouth-scale-horiz-incr", 0.3),
    ("mouth-trans-down", "mouth-trans-up", 0.25),
    ("mouth-upperlip-volume-decr", "mouth-upperlip-volume-incr", 0.4),
    ("mouth-lowerlip-volume-decr", "mouth-lowerlip-volume-incr", 0.4),
    ("mouth-upperlip-height-decr", "mouth-upperlip-height-incr", 0.3),
    ("mouth-lowerlip-height-decr", "mouth-lowerlip-height-incr", 0.3),
    ("mouth-cupidsbow-decr", "mouth-cupidsbow-incr", 0.4),
    ("mouth-philtrum-volume-decr", "mouth-philtrum-volume-incr", 0.4),
    ("mouth-angles-down", "mouth-angles-up", 0.2),
    ("chin-width-decr", "chin-width-incr", 0.4),
    ("chin-height-decr", "chin-height-incr", 0.25),
    ("chin-prominent-decr", "chin-prominent-incr", 0.35),
    ("chin-prognathism-decr", "chin-prognathism-incr", 0.2),
    ("chin-bones-decr", "chin-bones-incr", 0.35),
    ("*-cheek-bones-decr", "*-cheek-bones-incr", 0.4),
    ("*-cheek-volume-decr", "*-cheek-volume-incr", 0.35),
    ("*-cheek-inner-decr", "*-cheek-inner-incr", 0.3),
    ("*-ear-scale-decr", "*-ear-scale-incr", 0.25),
    ("*-ear-wing-decr", "*-ear-wing-incr", 0.3),
    ("*-ear-lobe-decr", "*-ear-lobe-incr", 0.35),
    ("neck-scale-horiz-decr", "neck-scale-horiz-incr", 0.25),
)
_LOPSIDED = (
    "brown-1",
    "brown-2",
    "cheek-1",
    "cheek-2",
    "eye-1",
    "eye-4",
    "jaw-1",
    "jaw-2",
    "mouth-1",
    "mouth-2",
    "nose-1",
)
_ANCESTRY = ("caucasian", "asian", "african")

_HAIR = {
    "black": (0.012, 0.010, 0.009),
    "dark brown": (0.030, 0.019, 0.012),
    "brown": (0.072, 0.042, 0.024),
    "auburn": (0.110, 0.044, 0.020),
    "blond": (0.330, 0.215, 0.105),
}
_IRIS = {
    "dark brown": (0.045, 0.024, 0.014),
    "brown": (0.105, 0.054, 0.026),
    "hazel": (0.150, 0.110, 0.050),
    "green": (0.130, 0.165, 0.095),
    "blue": (0.140, 0.215, 0.300),
    "grey": (0.200, 0.240, 0.260),
}


@dataclass(frozen=True, eq=False)
class Person:
    """One synthetic subject.

    Args:
        vertices: (V, 3) neutral head, decimetres.
        male: sex of the face.
        age: 0 (about 20 years) to 1 (about 60).
        melanin: 0 (palest) to 1 (darkest).
        hair, iris: linear RGB albedo.
        style: ``short``, ``receding``, ``buzz``, ``tied``, ``bob`` or ``long``.
        beard, freckles, redness, oil: 0..1.
        brow: thickness of the brows, about 1.
        shirt: linear RGB albedo.
        paint: seed of the skin's texture.
    """

    vertices: Array
    male: bool
    age: float
    melanin: float
    hair: tuple[float, float, float]
    iris: tuple[float, float, float]
    style: str
    beard: float
    freckles: float
    redness: float
    oil: float
    brow: float
    shirt: tuple[float, float, float]
    paint: int


def draw(pack: Pack, number: int, rng: np.random.Generator) -> Person:
    """Subject `number` of a benchmark: sexes alternate, ancestries and ages take turns, the rest is chance.

    Args:
        number: counts from 0.
        rng: the subject's own generator.
    """
    male = number % 2 == 1
    age = (0.15 + 0.6180339887498949 * number) % 1.0
    ancestry = _ancestry(number, rng)
    if male:
        style = str(rng.choice(["short", "short", "buzz", "receding"] if age > 0.4 else ["short", "short", "buzz"]))
    else:
        style = str(rng.choice(["long", "bob", "tied"]))
    vertices = _face(pack, male, age, ancestry, style, rng)
    melanin = float(np.clip(ancestry @ [0.14, 0.34, 0.84] + 0.09 * rng.standard_normal(), 0.02, 0.97))
    hair = _hair_colour(melanin, age, ancestry, rng)
    iris = _iris_colour(melanin, ancestry, rng)
    pale = 1 - melanin
    return Person(
        vertices=vertices,
        male=male,
        age=age,
        melanin=melanin,
        hair=hair,
        iris=iris,
        style=style,
        beard=float(rng.uniform(0.1, 0.9)) if male and rng.random() < 0.75 else 0.0,
        freckles=float(rng.uniform(0.3, 1.0)) * pale if rng.random() < 0.3 else 0.08 * pale,
        redness=float(rng.uniform(0.35, 1.0)),
        oil=float(rng.uniform(0.6, 1.2)),
        brow=float(rng.uniform(0.85, 1.15)) * (1.15 if male else 0.85),
        shirt=_shirt(rng),
        paint=int(rng.integers(2**31)),
    )


def _ancestry(number: int, rng: np.random.Generator) -> Array:
    weights = rng.dirichlet([0.5, 0.5, 0.5])
    weights[(number + number // 3) % 3] += 1.6
    out: Array = weights / weights.sum()
    return out


def _face(pack: Pack, male: bool, age: float, ancestry: Array, style: str, rng: np.random.Generator) -> Array:
    vertices = pack.base.copy()

    def add(name: str, weight: float) -> None:
        if name in pack.shapes and weight != 0:
            index, delta = pack.shapes[name]
            vertices[index] += weight * delta

    # The published "old" shapes are about 90 years; a third of them is a face of 60.
    old, sexed = 0.42 * age, float(rng.uniform(0.72, 1.0))
    build = float(rng.normal(0.1, 0.3))
    for sex, by_sex in (("male", sexed if male else 1 - sexed), ("female", 1 - sexed if male else sexed)):
        for years, by_age in (("young", 1 - old), ("old", old)):
            for name, share in zip(_ANCESTRY, ancestry, strict=True):
                add(f"macro/{name}-{sex}-{years}", by_sex * by_age * share)
            stem = f"macro/universal-{sex}-{years}-averagemuscle"
            add(f"{stem}-averageweight", by_sex * by_age * (1 - abs(build)))
            add(f"{stem}-{'max' if build > 0 else 'min'}weight", by_sex * by_age * abs(build))
    for low, high, spread in _FEATURES:
        weight = float(np.clip(0.62 * spread * rng.standard_normal(), -0.6, 0.6))
        name = high if weight > 0 else low
        for side in ("l", "r") if "*" in name else ("",):
            add("id/" + name.replace("*", side), abs(weight))
    add("id/eyebrows-trans-up", 0.4)
    for side in "lr":  # the published eyes are half closed, and high and close together for a real face's
        add(f"id/{side}-eye-height2-incr", 0.35)
        add(f"id/{side}-eye-trans-down", 0.65)
        add(f"id/{side}-eye-trans-out", 0.25)
        if style == "bob":  # hair that covers the ears presses them flat
            add(f"id/{side}-ear-wing-decr", 1.0)
            add(f"id/{side}-ear-scale-decr", 0.7)
    for name in _LOPSIDED:
        add(f"id/asym-{name}-{'l' if rng.random() < 0.5 else 'r'}", abs(0.22 * float(rng.standard_normal())))
    return vertices


def _hair_colour(melanin: float, age: float, ancestry: Array, rng: np.random.Generator) -> tuple[float, float, float]:
    fair = melanin < 0.3 and ancestry[0] > 0.5
    name = str(rng.choice(["dark brown", "brown", "auburn", "blond"] if fair else ["black", "black", "dark brown"]))
    colour = np.array(_HAIR[name])
    grey = max(0.0, age - 0.55) * float(rng.uniform(0.3, 1.6))
    colour = colour * (1 - grey) + grey * np.array([0.30, 0.29, 0.28])
    return _rgb(colour)


def _iris_colour(melanin: float, ancestry: Array, rng: np.random.Generator) -> tuple[float, float, float]:
    fair = melanin < 0.3 and ancestry[0] > 0.5
    names = ["brown", "hazel", "green", "blue", "blue", "grey"] if fair else ["dark brown", "dark brown", "brown"]
    return _rgb(np.array(_IRIS[str(rng.choice(names))]) * float(rng.uniform(0.85, 1.15)))


def _shirt(rng: np.random.Generator) -> tuple[float, float, float]:
    choices = [
        (0.045, 0.055, 0.085),
        (0.30, 0.31, 0.32),
        (0.58, 0.57, 0.55),
        (0.10, 0.14, 0.11),
        (0.20, 0.07, 0.07),
        (0.09, 0.12, 0.19),
        (0.03, 0.03, 0.033),
        (0.34, 0.29, 0.22),
    ]
    return _rgb(np.array(choices[int(rng.integers(len(choices)))]))


def _rgb(colour: NDArray[np.float64]) -> tuple[float, float, float]:
    r, g, b = (float(c) for c in colour)
    return r, g, b
