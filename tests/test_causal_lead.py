"""The probe over time: a planted lead is found, rhythm and a common driver are not mistaken for one."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from mask.causal.lead import _alone, _direct, _moments, _reversed, _strengths, _told, lead
from mask.causal.lead_result import LeadResult
from mask.causal.observe import observe_frames
from mask.causal.plot_lead import lead_figure
from mask.clip import Clip
from mask.errors import UnreadableData
from mask.regions import load
from mask.regions.face import canonical

from .flow_scenes import texture

Array = np.ndarray
REGIONS = tuple(f"r{i}" for i in range(6))
EMOTIONS = ("joy", "fear")


def series(rng: np.random.Generator, frames: int, memory: float, count: int = len(REGIONS)) -> Array:
    """Independent autoregressive series."""
    out = rng.standard_normal((frames + 40, count))
    for t in range(1, len(out)):
        out[t] += memory * out[t - 1]
    return out[40:]


def led(rng: np.random.Generator, clips: int = 30) -> list[Array]:
    """Region 1 before region 3."""
    out = []
    for _ in range(clips):
        x = series(rng, int(rng.integers(8, 16)), 0.5)
        follows = x[1:].copy()
        follows[:, 3] += 0.8 * x[:-1, 1]
        out.append(follows)
    return out


def driven(rng: np.random.Generator, clips: int = 30) -> list[Array]:
    """One slow movement of the whole face, seen through noise that differs from region to region."""
    gain, noise = np.linspace(0.5, 1.5, 6), np.linspace(2.0, 0.3, 6)
    return [series(rng, 12, 0.9, 1) * gain + rng.standard_normal((12, 6)) * noise for _ in range(clips)]


def run(steps: list[Array], seed: int = 0, **options: Any) -> LeadResult:
    labels = [EMOTIONS[i % 2] for i in range(len(steps))]
    few = {"bootstraps": 20, "nulls": 59, **options}
    return lead(steps, labels, REGIONS, EMOTIONS, rng=np.random.default_rng(seed), **few)


def test_a_planted_lead_is_named_and_no_other() -> None:
    result = run(led(np.random.default_rng(0)))
    assert [(x.first, x.second) for x in result.named] == [("r1", "r3")]
    assert result.named[0].p_null == pytest.approx(1 / 60)
    assert result.named[0].frequency > 0.7
    assert result.named[0].score > result.controls[0].highest
    assert result.controls[1].region_edges < 0.02
    assert not result.abstained


def test_what_leads_the_others_to_the_apex_is_named() -> None:
    rng, steps = np.random.default_rng(1), []
    for _ in range(30):
        own = rng.gamma(2, 1, 13)
        steps.append(0.7 * rng.standard_normal((12, 6)) + own[:-1, None])
        steps[-1][:, 4] = own[1:]
    result = run(steps)
    assert [found.region for found in result.by_emotion] == ["r4", "r4"]
    assert "moves before the rest of the face" in result.by_emotion[0].reason


@pytest.mark.parametrize("kind", ["white", "rhythm", "driver"])
def test_where_nothing_leads_it_abstains(kind: str) -> None:
    """Forty runs at level .05 and pairs alone: the odds of six or more speaking are one in seventy."""
    spoke = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        memory = 0.9 if kind == "rhythm" else 0.0
        steps = driven(rng) if kind == "driver" else [series(rng, 12, memory) for _ in range(30)]
        spoke += bool(run(steps, seed, bootstraps=1, nulls=19).named)
    assert spoke <= 5


def test_plain_lagged_correlation_would_speak() -> None:
    """The reason for reversing time: without it, the cleaner region of a common driver seems to lead."""
    moments = _moments(driven(np.random.default_rng(2)), np.zeros(30, np.intp))
    forward = _told(moments.now.sum(axis=0), moments.next.sum(axis=0), 300.0)
    assert forward.max() > 4
    backward = _told(moments.now.sum(axis=0), moments.next.sum(axis=0).T, 300.0)
    assert (forward - backward).max() < forward.max() / 2


def test_strength_is_the_partial_correlation() -> None:
    rng = np.random.default_rng(3)
    x = series(rng, 5000, 0.3)
    x[1:, 3] += 0.3 * x[:-1, 1]
    x -= x.mean(axis=0)
    now, after = x.T @ x, x[:-1].T @ x[1:]
    for size, given in ((_direct(now, after, 4998.0), [0, 1, 2, 3, 4, 5]), (_alone(now, after, 4998.0), [1, 3])):
        inverse = np.linalg.inv(np.corrcoef(np.c_[x[:-1, given], x[1:, 3]].T))
        at = given.index(1)
        partial = -inverse[at, -1] / np.sqrt(inverse[at, at] * inverse[-1, -1])
        assert size[1, 3] == pytest.approx(np.sqrt(4990) * abs(np.arctanh(partial)), rel=0.01)
    assert (np.diagonal(_told(now, after, 4998.0)) == 0).all()


def test_reversing_time_reverses_the_answer() -> None:
    steps = led(np.random.default_rng(4))
    moments = _moments(steps, np.zeros(len(steps), np.intp))
    back = _moments([s[::-1] for s in steps], np.zeros(len(steps), np.intp))
    np.testing.assert_allclose(back.next, _reversed(moments.next, np.ones(len(steps), bool)))
    np.testing.assert_allclose(back.now, moments.now)
    once, again = (_strengths(m, m.next, np.ones(len(steps)), 1) for m in (moments, back))
    np.testing.assert_allclose(again.pairs, -once.pairs, atol=1e-9)
    np.testing.assert_allclose(again.apex, -once.apex, atol=1e-9)
    first = run([s[::-1] for s in steps]).leads[0]
    assert (first.first, first.second) != ("r1", "r3")


def test_units_and_seeds() -> None:
    steps = led(np.random.default_rng(5))
    base = run(steps)
    assert run(steps) == base
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    scaled = run([s * np.linspace(1, 50, 6) + 3 for s in steps])
    assert scaled.leads[0].score == pytest.approx(base.leads[0].score)
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


def test_short_clips_still_regions_and_gaps_are_left_out_and_said() -> None:
    steps = led(np.random.default_rng(6))
    for s in steps:
        s[:, 0] = 2.0
    steps[3][2, 1] = np.nan
    result = run([*steps, np.zeros((2, 6))])
    assert result.regions == REGIONS[1:]
    assert result.clips == 29
    assert {n.kind: n.what for n in result.notes} == {"constant": ("r0",), "rows": ()}
    assert [(x.first, x.second) for x in result.named] == [("r1", "r3")]


@pytest.mark.parametrize("steps", [[], [np.zeros((2, 6))] * 5, led(np.random.default_rng(7), clips=1)])
def test_too_little_abstains_and_says_so(steps: list[Array]) -> None:
    result = run(steps)
    assert result.abstained
    assert result.by_emotion[0].reason
    json.dumps(result.to_json(), allow_nan=False)
    lead_figure(result)


def test_json_and_figure_show_what_is_named() -> None:
    result = run(led(np.random.default_rng(8)))
    told = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert told["schema"] == "mask.lead/1"
    assert (told["named"][0]["first"], told["abstained"]) == ("r1", False)
    assert len(lead_figure(result).axes[0].patches) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nulls": 18}, "cannot decide"),
        ({"bootstraps": 0}, "cannot decide"),
        ({"steps": [np.zeros((9, 5))] * 4}, "expected \\(T, 6\\)"),
        ({"labels": ["joy"]}, "1 labels for 4 clips"),
        ({"labels": ["rage"] * 4}, "'rage' is not among"),
    ],
)
def test_bad_input_is_told(change: dict[str, Any], message: str) -> None:
    given = {"steps": [np.zeros((9, 6))] * 4, "labels": ["joy"] * 4, **change}
    with pytest.raises(ValueError, match=message):
        lead(
            region_names=REGIONS,
            emotions=EMOTIONS,
            rng=np.random.default_rng(0),
            **{"bootstraps": 5, "nulls": 19, **given},
        )


def filmed(rng: np.random.Generator, number: int, first: Array, second: Array) -> Clip:
    """A textured face of ten frames: one place moves up and down at random, another does the same a frame later."""
    y, x = np.mgrid[:140, :140].astype(float)
    draw = texture(rng, 40.0)
    moves = rng.normal(0, 0.8, 10)
    paths = np.cumsum(np.r_[0, moves[1:]]), np.cumsum(np.r_[0, moves[:-1]])
    frames = []
    for t in range(10):
        down = sum(
            path[t] * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 450)
            for path, (cx, cy) in zip(paths, (first, second), strict=True)
        )
        grey = np.clip(draw(x, y - down), 0, 255).astype(np.uint8)
        frames.append(np.repeat(grey[..., None], 3, axis=2))
    points = np.repeat(140 * canonical()[None], 10, axis=0)
    key, emotion = f"film/s{number}/c", EMOTIONS[number % 2]
    return Clip(key, f"s{number}", emotion, "film", frames=np.stack(frames), landmarks=points, apex=9, offset=9)


def test_a_lead_is_seen_in_the_pixels() -> None:
    scheme = load("mesh")
    masks = scheme.box_coverage(28)
    grid = (np.mgrid[:28, :28][::-1] + 0.5) * 5
    places = {n: (grid * m).sum(axis=(1, 2)) / m.sum() for n, m in zip(scheme.names, masks, strict=True)}
    rng = np.random.default_rng(9)
    clips = [filmed(rng, i, places["mouth_corner_left"], places["forehead"]) for i in range(16)]
    result = observe_frames(clips, EMOTIONS, scheme, rng=rng, flow="farneback", bootstraps=5, nulls=39)
    assert (result.clips, result.frames) == (16, 144)
    best = result.named[0]
    assert places[best.first][1] > 80, f"{best.first} is not at the mouth"
    assert places[best.second][1] < 60, f"{best.second} is not at the forehead"


def test_flow_clips_have_no_time() -> None:
    clip = Clip("a/b/c", "b", "joy", "a", flow=np.zeros((28, 28, 3), np.uint8))
    with pytest.raises(UnreadableData, match="over frames"):
        observe_frames([clip], EMOTIONS, load("mesh"), rng=np.random.default_rng(0))
