"""What attacks do with a real sticker on pixels: several small ones, misled alignment, optimised content.

``python -m benchmarks.bench_skin_attacks [look|number|alignment|content ...] [--clips N]`` measures; the default is
all four on 12 clips, an hour of one core. Recognizers, clips, places and area are those of
``benchmarks.bench_skin``. *success* is over clips read correctly clean, with the 95 % Wilson interval; *filmed again*
is what is left of it, each clip counting by the share of three fresh draws of physics that flip it; *queries* is the
mean per clip.

- *look*: one look at a target on TV-L1 flow. The attacker trains a network of the same kind on every third clip of the
  people the target was trained on, and tries stickers there and on the clip itself: on its flow map, which shows no
  drawing, or rendered.
- *number*: 1, 2, 4 and 9 stickers of one total area. *chance* places them at random; *one look* one after the other,
  each where it does most on the other recognizers (on flow maps, where these read such); *best* each where it does most
  on the target itself: a bound, and not measured for nine.
- *alignment*: *landmark*, the place that moves the face's crop most, beside a random and the best place, against
  recognizers that are given the landmarks (*none*) and that find the face anew in the stickered clip (*retrack*).
- *content*: colours followed by gradient through physics on the target itself (eot-patch with its place, rp2 in two
  stages; ``natural`` is a heart with a pattern), beside drawings at the best place. Every third clip on TV-L1 flow,
  where a gradient takes a minute.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from benchmarks.__main__ import table
from benchmarks.bench_skin import AREA, DATA, RECOGNIZERS, STEP, Row, Study, study
from mask import registry
from mask.audit import Setting
from mask.audit import run as audit
from mask.clip import Dataset
from mask.contracts import Recognizer
from mask.metrics import wilson
from mask.plan import ThreatModel

FLOW, DIFFERENCE = "STSTNet, tvl1", "MMNet"
ARTS = ("heart", "stripes")
CLIPS = 12
NUMBERS = (1, 2, 4, 9)
DRAWS = 3
EFFORT = "steps=15,draws=2"
GRADIENT = {
    "eot-patch": f"eot-patch:{EFFORT}",
    "eot-patch, natural": f"eot-patch:style=natural,{EFFORT}",
    "rp2": f"rp2:{EFFORT},search=10",
}


def run(parts: Sequence[str] = ("look", "number", "alignment", "content"), count: int = CLIPS) -> list[Row]:
    """Measure; one row per recognizer, defence and attack."""
    made = study(count)
    return [{"part": part, **row} for part in parts for row in _PARTS[part](made)]


def look(made: Study) -> Iterator[Row]:
    """One look, with what was learnt on a surrogate of the attacker's own."""
    causal = "causal:bootstraps=0"
    attacks = {
        **{f"random, {art}": f"random:art={art}" for art in ARTS},
        "causal, heart, by flow map": causal,
        **{f"causal, {art}, rendered": f"{causal},imagine=false,art={art}" for art in ARTS},
        **{f"best place, {art}": f"exhaustive:art={art}" for art in ARTS},
    }
    owned = (registry.create("recognizers", RECOGNIZERS[FLOW]),)
    yield from _rows(made, FLOW, attacks, owned=owned, every=3, draws=DRAWS)


def number(made: Study) -> Iterator[Row]:
    """Several small stickers in place of one."""
    for stickers in NUMBERS:
        looks = {"chance": "chance", "one look": "surrogate", "best": "target"}
        if stickers == max(NUMBERS):
            del looks["best"]
        attacks = {f"{art}, {name}": f"pieces:on={on},art={art}" for art in ARTS for name, on in looks.items()}
        for name in (FLOW, DIFFERENCE):
            for row in _rows(made, name, attacks, number=stickers):
                yield row | {"attack": f"{stickers} x {row['attack']}"}


def alignment(made: Study) -> Iterator[Row]:
    """A sticker that misleads the finding of the face."""
    attacks = {f"{name}, {art}": f"{name}:art={art}" for art in ARTS for name in ("random", "landmark", "exhaustive")}
    for name in (FLOW, DIFFERENCE):
        yield from _rows(made, name, attacks, defenses=("retrack",))


def content(made: Study) -> Iterator[Row]:
    """Optimised content beside drawings."""
    drawings = {f"best place, {art}": f"exhaustive:art={art}" for art in ("grey", *ARTS)}
    attacks = {"random, heart": "random", **drawings, **GRADIENT}
    yield from _rows(made, DIFFERENCE, attacks, draws=DRAWS)
    # A gradient through TV-L1 takes a minute a clip and attack.
    yield from _rows(replace(made, clips=made.clips[::3]), FLOW, attacks, draws=DRAWS)


def _rows(
    made: Study,
    name: str,
    attacks: Mapping[str, str],
    *,
    number: int = 1,
    defenses: Sequence[str] = (),
    draws: int = 0,
    owned: tuple[Recognizer, ...] = (),
    every: int = 1,
) -> Iterator[Row]:
    """One recognizer under attack; the attacker owns the others, where nothing else is said."""
    others = tuple(r for other, r in made.recognizers.items() if other != name)
    setting = Setting(
        recognizers=(made.recognizers[name],),
        dataset=Dataset(f"{DATA}, strangers", made.clips, made.studied.emotions),
        discovery=replace(made.studied, clips=made.studied.clips[::every]),
        attacks={label: registry.create("attacks", spec) for label, spec in attacks.items()},
        threats=(ThreatModel("skin", area=AREA, number=number),),
        defenses={"none": None} | {d: registry.create("defenses", d) for d in defenses},
        surrogates=owned or others,
        siblings=False,
        step=STEP,
        draws=draws,
    )
    for result in audit(setting):
        yield _row(name, result["cell"])


def _row(name: str, cell: Mapping[str, Any]) -> Row:
    hits, of = cell["n_success"], cell["n_clean_correct"]
    low, high = wilson(hits, of)
    row: Row = {
        "recognizer": name,
        "defence": cell["defense"],
        "attack": cell["attack"],
        "success": f"{hits}/{of} = {hits / max(of, 1):.3f}",
        "95 %": f"{low:.2f} to {high:.2f}",
        "queries": cell["queries_mean"],
    }
    again = cell["refilmed"]
    return row if again is None else row | {"filmed again": round(again["asr"], 3)}


_PARTS: dict[str, Callable[[Study], Iterator[Row]]] = {
    "look": look,
    "number": number,
    "alignment": alignment,
    "content": content,
}


def main() -> None:
    """Measure the parts named, on as many clips as are asked for, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_skin_attacks")
    parser.add_argument("parts", nargs="*", choices=[*_PARTS, []], help="all of them when none is named")
    parser.add_argument("--clips", type=int, default=CLIPS, help="clips attacked, at most 64")
    given = parser.parse_args()
    for part in given.parts or _PARTS:
        print(table(run([part], given.clips)), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
