"""What a real sticker does on pixels: drawings and ways of moving, with the flow method in the loop.

``python -m benchmarks.bench_skin [textures|physics|kinetics ...] [--clips N]`` measures; the default is all three on 24
clips, about 20 minutes of one core. STSTNet on each flow method (faces of 140 px) and a small MMNet on frame
differences (64 px) are trained on 16 synthetic subjects and attacked on 8 others. One sticker of 4.6 % of the face,
rigid on the skin unless said otherwise, at 12 places on skin.

- *random*: share of (clip, place, motion) that flips a clip read correctly clean; what a random choice would do.
- *one look*: clips flipped at the place and motion that hides the emotion best on the other three recognizers, which
  were trained on the same clips; the target itself is asked once.
- *best*: clips flipped at some place and motion, with the 95 % Wilson interval: a bound.
- *fixed*: the largest share of clips flipped by one place and motion for all, chosen after the fact: a bound too.

*textures* compares drawings. *physics* films heart and stripes again at random places, under draws of
`mask.sticker.physics` (all of it, or one part alone), and counts the draws in which the bare clip is still read
correctly. *kinetics* compares ways of moving, one textured sticker at the same places, and says how much of the
overlay's success the others keep; slip has 2 motions, raised its wearer's own turn and 4 others, overlay 4.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.__main__ import table
from mask import registry
from mask.apply import apply_many
from mask.clip import Clip, Dataset
from mask.contracts import Recognizer
from mask.errors import InvalidPlan
from mask.evaluate import evaluate
from mask.faces import aligned_pair
from mask.metrics import wilson
from mask.plan import DIRECTIONS, Kinetics, Motion, Placement, Plan, ThreatModel
from mask.regions import check_place, load, sites
from mask.sticker.art import tiles
from mask.sticker.physics import STORED, Physics, refilm
from mask.train import held_out, train

Row = dict[str, Any]
Drawing = Callable[[Clip], str]
"""What a sticker on a clip shows; most do not depend on it."""

DATA = "synthetic:subjects=24,repeats=2"
RECOGNIZERS = {
    "STSTNet, tvl1": "ststnet:flow=tvl1",
    "STSTNet, farneback": "ststnet:flow=farneback",
    "STSTNet, dis": "ststnet:flow=dis",
    "MMNet": "mmnet:size=64,width=0.125,rate=0.003",
}
AREA = 0.046
STEP = 1 / 7
CLIPS = 24
FILMED = 4
"""Places at which a sticker is filmed again, of all."""


@dataclass(frozen=True)
class Study:
    """Trained recognizers, and the clips of strangers they are attacked on."""

    recognizers: Mapping[str, Recognizer]
    clips: tuple[Clip, ...]
    studied: Dataset


@dataclass(frozen=True)
class Told:
    """What one recognizer says about P plans on each of N clips.

    Args:
        right: ``bool (N,)``, read correctly without a sticker.
        wrong: ``bool (N, P)``.
        odds: ``float64 (N, P)``, of the true emotion against the strongest other.
    """

    right: NDArray[np.bool_]
    wrong: NDArray[np.bool_]
    odds: NDArray[np.float64]


def grey_tiles(levels: NDArray[Any]) -> str:
    """A drawing of square cells from grey levels ``(N, N)``."""
    return tiles(np.repeat(np.asarray(levels, dtype=np.uint8)[..., None], 3, axis=2))


_BITS = np.random.default_rng(0).integers(0, 2, (8, 8))
_BOARD = np.indices((8, 8)).sum(axis=0) % 2
TEXTURES: dict[str, tuple[Drawing, float]] = {
    "skin tone, plain": (lambda clip: skin_tone(clip), 0.0),
    "grey, plain": (lambda _: "grey", 0.0),
    "black, plain": (lambda _: grey_tiles(np.zeros((2, 2))), 0.0),
    "noise of low contrast": (lambda _: grey_tiles(118 + 20 * _BITS), 0.0),
    "noise": (lambda _: grey_tiles(255 * _BITS), 0.0),
    "checkerboard": (lambda _: grey_tiles(255 * _BOARD), 0.0),
    "heart": (lambda _: "heart", 0.0),
    "stripes across": (lambda _: "stripes", 0.0),
    "stripes down": (lambda _: "stripes", 90.0),
    "stripes, turned 20": (lambda _: "stripes", 20.0),
}
"""Drawings, and the degrees they are turned by."""

TEXTURED = tiles(np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8))
PARTS: dict[str, Physics] = {
    "all": Physics(),
    "codec": STORED,
    "rotation": replace(STORED, codecs=("none",), rotation=Physics().rotation),
    "blur": replace(STORED, codecs=("none",), blur=Physics().blur),
    "noise": replace(STORED, codecs=("none",), noise=Physics().noise),
    "bend": replace(STORED, codecs=("none",), bend=Physics().bend),
}


def run(parts: Sequence[str] = ("textures", "physics", "kinetics"), count: int = CLIPS) -> list[Row]:
    """Measure; one row per recognizer and sticker."""
    made = study(count)
    rows: list[Row] = []
    for part in parts:
        rows += [{"part": part, **row} for row in _PARTS[part](made)]
    return rows


@cache
def study(count: int) -> Study:
    """Train every recognizer and score it on all the strangers; keep `count` of their clips, evenly spread."""
    made = registry.create("datasets", DATA)
    everyone = replace(made, clips=tuple(map(still, made.clips)))
    (strange,) = held_out(everyone, "split")
    strangers = everyone.only(strange)
    found: dict[str, Recognizer] = {}
    for name, spec in RECOGNIZERS.items():
        found[name] = train(registry.create("recognizers", spec), everyone, protocol="split")
        score = evaluate(found[name], strangers)["scores"]["pooled"]
        told = f"UF1 {score['uf1']:.2f}, accuracy {score['accuracy']:.2f} on {score['n']} clips"
        print(f"{name}: {told} of {len(strange)} strangers", file=sys.stderr)
    chosen = np.linspace(0, len(strangers) - 1, min(count, len(strangers))).round().astype(int)
    studied = everyone.only(set(everyone.subjects) - set(strange))
    return Study(found, tuple(strangers.clips[i] for i in chosen), studied)


def still(clip: Clip) -> Clip:
    """The clip's onset and apex alone, with their landmarks: all that these recognizers look at."""
    times = (clip.onset, clip.apex)
    meshes = np.stack([p for p in map(clip.points, times) if p is not None])
    frames = np.stack([clip.frame(i) for i in times])
    return replace(clip, frames=frames, landmarks=meshes, onset=0, apex=1, offset=1)


def skin_tone(clip: Clip) -> str:
    """A plain square of the median colour of the middle of the face."""
    face = aligned_pair(clip, 140)[0][40:110, 30:110].reshape(-1, 3)
    return tiles(np.broadcast_to(np.median(face, axis=0).astype(np.uint8), (2, 2, 3)))


def textures(made: Study) -> Iterator[Row]:
    """Drawings, rigid on the skin."""
    for name, (drawing, angle) in TEXTURES.items():
        yield from _rows(name, ask(made, lambda c, d=drawing, a=angle: _plans(d(c), [Kinetics()], a)))  # type: ignore[misc]


def kinetics(made: Study) -> Iterator[Row]:
    """Ways of moving, and what they keep of the overlay's success."""
    kinds: tuple[Motion, ...] = ("overlay", "skin", "slip", "raised")
    best: dict[str, tuple[float, float]] = {}
    for kind in kinds:
        motions = ThreatModel(kind, area=AREA, directions=DIRECTIONS[:4]).motions()
        told = ask(made, lambda _, m=motions: _plans(TEXTURED, m))  # type: ignore[misc]
        for row in _rows(kind, told):
            each = row["random"], float(told[row["recognizer"]].wrong[told[row["recognizer"]].right].any(axis=1).mean())
            kept = best.setdefault(row["recognizer"], each)
            shares = (f"{a / b:.2f}" if b else "-" for a, b in zip(each, kept, strict=True))
            yield row | {"kept of random, best": ", ".join(shares)}


def physics(made: Study) -> Iterator[Row]:
    """Success at random places, filmed again."""
    places = _placements()
    rng = np.random.default_rng(0)
    draws = {part: [ranges.draw(rng) for _ in range(FILMED)] for part, ranges in PARTS.items()}
    where = {c.key: [places[i] for i in rng.choice(len(places), FILMED, replace=False)] for c in made.clips}
    for name, recognizer in made.recognizers.items():
        read = recognizer.predict(made.clips).names
        right = [c for c, told in zip(made.clips, read, strict=True) if told == c.emotion]
        for part, ranges in PARTS.items():
            bare = {c.key: refilm(c, None, recognizer, draws[part], ranges) for c in right}
            for art in ("heart", "stripes"):
                flips = [
                    refilm(c, Plan(place, art=art), recognizer, [draw], ranges)[0] != c.emotion
                    for c in right
                    for place, draw, before in zip(where[c.key], draws[part], bare[c.key], strict=True)
                    if before == c.emotion
                ]
                yield {
                    "recognizer": name,
                    "sticker": f"{art}, physics: {part}",
                    "clips": f"{len(right)}/{len(made.clips)}",
                    "random": round(float(np.mean(flips)), 3),
                    "filmed": len(flips),
                }


def ask(made: Study, plans: Callable[[Clip], list[Plan]]) -> dict[str, Told]:
    """What every recognizer says about every plan on every clip."""
    told: dict[str, list[tuple[bool, Any, Any]]] = {name: [] for name in made.recognizers}
    for clip in made.clips:
        shown = [clip, *apply_many(clip, plans(clip))]
        for name, recognizer in made.recognizers.items():
            said = recognizer.predict(shown)
            k = said.labels.index(str(clip.emotion))
            log = np.log(np.maximum(said.probabilities, 1e-9))
            odds = log[:, k] - np.delete(log, k, axis=1).max(axis=1)
            wrong = np.array([n != clip.emotion for n in said.names])
            told[name].append((not wrong[0], wrong[1:], odds[1:]))
    return {name: Told(*map(np.array, zip(*rows, strict=True))) for name, rows in told.items()}


def _rows(sticker: str, told: Mapping[str, Told]) -> Iterator[Row]:
    for name, t in told.items():
        others = sum(o.odds for other, o in told.items() if other != name)
        looked = np.take_along_axis(t.wrong, np.argmin(others, axis=1)[:, None], axis=1)[:, 0]
        wrong = t.wrong[t.right]
        yield {
            "recognizer": name,
            "sticker": sticker,
            "clips": f"{len(wrong)}/{len(t.right)}",
            "random": round(float(wrong.mean()), 3),
            "one look": share(looked[t.right]),
            "best": share(wrong.any(axis=1)),
            "fixed": round(float(wrong.mean(axis=0).max()), 3),
        }


def share(hits: NDArray[np.bool_]) -> str:
    """A count of successes, and its share with the 95 % Wilson interval."""
    low, high = wilson(int(hits.sum()), len(hits))
    return f"{int(hits.sum())} = {hits.mean():.3f} ({low:.2f} to {high:.2f})"


def _placements(angle: float = 0.0) -> list[Placement]:
    """The places for an upright sticker; turned, it may not fit at some of them."""
    threat = ThreatModel("skin", area=AREA)
    found = [Placement(s.x, s.y, AREA, angle, s.region) for s in sites(load("mesh"), threat, "frames", STEP)]
    return [p for p in found if not angle or _fits(p, threat)]


def _fits(placement: Placement, threat: ThreatModel) -> bool:
    try:
        check_place(placement, threat.kinetics, "frames")
    except InvalidPlan:
        return False
    return True


def _plans(art: str, motions: Sequence[Kinetics], angle: float = 0.0) -> list[Plan]:
    return [Plan(p, m, art) for p in _placements(angle) for m in motions]


_PARTS: dict[str, Callable[[Study], Iterator[Row]]] = {"textures": textures, "physics": physics, "kinetics": kinetics}


def main() -> None:
    """Measure the parts named, on as many clips as are asked for, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_skin")
    parser.add_argument("parts", nargs="*", choices=[*_PARTS, []], help="all of them when none is named")
    parser.add_argument("--clips", type=int, default=CLIPS, help="clips attacked, at most 64")
    given = parser.parse_args()
    for part in given.parts or _PARTS:
        print(table(run([part], given.clips)), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
