"""Digital attacks: analytic optima, a bound the core enforces, queries it counts; a sticker that misleads alignment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mask.attacks import landmark
from mask.reports.html import build
from numpy.typing import NDArray
from torch import Tensor, nn

from mask.apply import apply, apply_many, check
from mask.audit import Setting, run
from mask.clip import Clip
from mask.conformance import NotConforming, check_attack
from mask.contracts import Access, Attack, NoTarget, Prediction, Proposal, Reads, Recognizer, Scene
from mask.data.synthetic import create as synthetic
from mask.digital import Perturbation
from mask.digital.crop import Crop
from mask.digital.whitebox import OpenRecognizer
from mask.errors import AccessDenied, BudgetExhausted, InvalidPlan, UsageError
from mask.faces import aligned_pair, clip_box
from mask.oracle import MeteredTarget, Scorer
from mask.plan import Placement, Plan, ThreatModel
from mask.regions import load, sites
from mask.registry import create
from mask.results import read_results, write_results, write_rows
from mask.retrack import Retracking
from mask.runs import environment
from mask.summary import conclusion, gather
from mask.torch_recognizer import TorchRecognizer
from tests.models import EMOTIONS, LinearFlow, flow_clip, flow_dataset

DIGITAL = ThreatModel("digital", eps=4)
FILMS = synthetic(subjects=2, repeats=1, size=96)
WEIGHTS = np.random.default_rng(5).choice([-1.0, 1.0], size=(3, 28, 28)) * (1 + np.arange(28) / 28)


class LinearMaps(Recognizer):
    """Answers ``moved`` when a weighted sum over the map exceeds a threshold; its steepest way is the weights' sign."""

    reads: Reads = "flow"

    def __init__(self, weights: NDArray[np.float64], threshold: float, name: str = "linear maps") -> None:
        self.weights, self.threshold, self.name, self.labels = weights, threshold, name, EMOTIONS
        self.seen: list[int] = []

    def predict(self, clips: Sequence[Clip]) -> Prediction:
        if not clips:
            return Prediction(self.labels, np.empty((0, 2)), ())
        maps = np.stack([np.moveaxis(np.asarray(c.flow), -1, 0) for c in clips]) / 255
        score = (maps * self.weights).sum(axis=(1, 2, 3)) - self.threshold
        return Prediction.from_logits(self.labels, np.stack([-score, score], axis=1) / 20)

    def flow_logits(self, maps: Tensor) -> Tensor:
        self.seen.append(len(maps))
        score = (maps.double() * torch.from_numpy(self.weights)).sum(dim=(1, 2, 3)) - self.threshold
        return torch.stack([-score, score], dim=1).float() / 20


class LinearPair(nn.Module):
    """Logits that are a weighted sum over the aligned pair."""

    def __init__(self, size: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.weight = nn.Parameter(torch.randn((3, 2, size, size), generator=generator) + 0.3)

    def forward(self, video: Tensor) -> Tensor:
        score = (video * self.weight).mean(dim=(1, 2, 3, 4)) * 20
        return torch.stack([score, -score], dim=1)


def grey_maps(margins: Sequence[float]) -> tuple[list[Clip], LinearMaps]:
    """Clips of ``moved`` whose score lies above the threshold by given shares of what eps can move it."""
    reach = 4 / 255 * np.abs(WEIGHTS).sum()
    base = np.full((28, 28, 3), 128, dtype=np.uint8)
    model = LinearMaps(WEIGHTS, float((WEIGHTS * 128 / 255).sum()))
    clips = []
    for k, margin in enumerate(margins):
        flow = base.astype(np.float64)
        # Raise the score pixel by pixel until the margin is met, to within a level of one pixel.
        left = margin * reach
        for (c, i, j), w in np.ndenumerate(WEIGHTS):
            step = min(100, max(0, int(left / abs(w) * 255)))
            flow[i, j, c] += np.sign(w) * step
            left -= step * abs(w) / 255
        clips.append(flow_clip(f"s{k % 4}/m{k}", flow.astype(np.uint8)))
    return clips, model


def target(model: Recognizer, clip: Clip, access: Access = "gradient", budget: int | None = None) -> MeteredTarget:
    return MeteredTarget(Scorer(model), clip, access, budget)


def scene(model: Recognizer, clip: Clip, threat: ThreatModel = DIGITAL, hide: str | None = "moved") -> Scene:
    return Scene(threat, (), target(model, clip), None, hide, np.random.default_rng(0))


def setting(attacks: dict[str, Attack], clips: Sequence[Clip], model: Recognizer, **changes: Any) -> Setting:
    known: dict[str, Any] = {"threats": (DIGITAL,), "siblings": False}
    return Setting((model,), flow_dataset(clips), attacks, **(known | changes))


# What a perturbation is


@given(st.integers(1, 20), st.integers(-30, 30), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_the_bound_is_held_in_eight_bits(eps: int, moved: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    flow = rng.integers(30, 226, (28, 28, 3)).astype(np.uint8)
    changed = flow.copy()
    row, column, channel = rng.integers((28, 28, 3))
    changed[row, column, channel] = int(changed[row, column, channel]) + moved
    plan, clip = Perturbation(changed), flow_clip("s/1", flow)
    threat = ThreatModel("digital", eps=eps)
    if abs(moved) <= eps:
        check(clip, plan, threat)
    else:
        with pytest.raises(InvalidPlan, match=rf"by {abs(moved)}/255; the limit is {eps}/255"):
            check(clip, plan, threat)
    assert (apply(clip, plan).flow == changed).all()


def test_whole_steps_of_the_bound_stay_whole_after_rounding() -> None:
    clean = np.arange(28 * 28 * 3, dtype=np.int64).reshape(28, 28, 3) % 256
    for step in (-4, 4):
        video = (clean / 255 + step / 255).clip(0, 1).astype(np.float32)
        plan = Perturbation.quantised(np.moveaxis(video, -1, 0))
        assert (plan.pixels == (clean + step).clip(0, 255)).all()
        plan.check(flow_clip("s/1", clean.astype(np.uint8)), DIGITAL)


@pytest.mark.parametrize(
    ("pixels", "said"),
    [
        (np.zeros((28, 28, 3), np.float32), "float32"),
        (np.zeros((3, 8, 8, 3), np.uint8), r"\(3, 8, 8, 3\)"),
        (np.zeros((2, 0, 8, 3), np.uint8), "expected uint8"),
        (np.zeros((27, 28, 3), np.uint8), "expected uint8"),
    ],
)
def test_what_is_no_picture_is_no_perturbation(pixels: Any, said: str) -> None:
    with pytest.raises(InvalidPlan, match=said):
        Perturbation(pixels)


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, 1.1])
def test_values_that_no_file_can_hold_are_refused(value: float) -> None:
    video = np.full((3, 28, 28), 0.5)
    video[0, 3, 3] = value
    with pytest.raises(InvalidPlan, match="not finite or leave"):
        Perturbation.quantised(video)


def test_frames_change_where_and_when_they_should() -> None:
    clip = FILMS.clips[0]
    onset, apex = clip.pair()
    part = np.stack([onset, apex])[:, 10:20, 30:50].copy()
    part[0, 0, 0] ^= 1
    part[1, -1, -1] ^= 2
    changed = apply(clip, Perturbation(part, (10, 30)))
    for index in range(len(clip.frames or ())):
        different = np.argwhere((changed.frame(index) != clip.frame(index)).any(axis=-1)).tolist()
        assert different == {clip.onset: [[10, 30]], clip.apex: [[19, 49]]}.get(index, [])
    assert changed.frame(-1).shape == clip.frame(0).shape
    with pytest.raises(InvalidPlan, match=r"has .* there"):
        apply(clip, Perturbation(part, (90, 30)))
    with pytest.raises(InvalidPlan, match="outside the frame"):
        Perturbation(part, (-1, 0))
    with pytest.raises(InvalidPlan, match=r"has .* there"):
        apply(flow_clip("s/1", np.zeros((28, 28, 3), np.uint8)), Perturbation(part))
    with pytest.raises(IndexError):
        changed.frame(len(clip.frames or ()))


def test_stickers_and_perturbations_of_one_clip_keep_their_order() -> None:
    flow = np.random.default_rng(0).integers(0, 256, (28, 28, 3)).astype(np.uint8)
    clip, sticker = flow_clip("s/1", flow), Plan(Placement(0.5, 0.2, 0.046))
    plans: list[Proposal] = [Perturbation(flow // 2), sticker, Perturbation(flow // 3), sticker]
    made = apply_many(clip, plans)
    assert [c.flow.tobytes() for c in made if c.flow is not None] == [
        a.flow.tobytes() for p in plans if (a := apply(clip, p)).flow is not None
    ]
    assert len({p.key for p in plans}) == 3


def test_each_kind_of_threat_refuses_the_other_kind_of_plan() -> None:
    flow = np.full((28, 28, 3), 9, np.uint8)
    clip = flow_clip("s/1", flow)
    with pytest.raises(InvalidPlan, match="this threat model is about skin stickers"):
        check(clip, Perturbation(flow), ThreatModel("skin"))
    with pytest.raises(InvalidPlan, match="this threat model is about digital"):
        check(clip, Plan(Placement(0.5, 0.2, 0.046)), DIGITAL)
    for eps in (0, 256, 2.5):
        with pytest.raises(ValueError, match="eps is"):
            ThreatModel("digital", eps=eps)  # type: ignore[arg-type]


# What the attack sees


@pytest.mark.parametrize("size", [24, 64, 140])
def test_the_differentiable_crop_is_the_one_recognizers_are_given(size: int) -> None:
    clip = FILMS.clips[1]
    frames = np.stack(clip.pair())
    crop = Crop(clip_box(clip), size, frames.shape[1:3])
    part = torch.from_numpy(crop.cut(frames).copy()).permute(3, 0, 1, 2).float().unsqueeze(0)
    drawn = crop(part)[0].permute(1, 2, 3, 0).numpy()
    apart = np.abs(drawn - aligned_pair(clip, size))
    assert apart.mean() < 0.6, "rounding to a level"
    assert apart.max() < 8, "the fixed-point coordinates of OpenCV, at edges"


def test_a_face_at_the_border_is_cut_and_one_outside_is_refused() -> None:
    box = clip_box(FILMS.clips[1])
    shifted = replace(box, to_image=box.to_image - [[0, 0, 30], [0, 0, 20]])
    crop = Crop(shifted, 32, (96, 96))
    part = crop.cut(np.random.default_rng(0).integers(0, 256, (2, 96, 96, 3)).astype(np.uint8))
    assert crop.corner == (0, 0)
    assert part.shape[1] < 96
    assert crop(torch.from_numpy(part / 255.0).permute(3, 0, 1, 2).float().unsqueeze(0)).shape == (1, 3, 2, 32, 32)
    with pytest.raises(InvalidPlan, match="outside the frame"):
        Crop(replace(box, to_image=box.to_image + np.array([[0, 0, 500], [0, 0, 0]])), 32, (96, 96))


@pytest.mark.parametrize("spec", ["mmnet:size=64,width=0.1", "ststnet:size=56"])
def test_an_open_recognizer_says_what_the_closed_one_says(spec: str) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = create("recognizers", spec)
    clip = FILMS.clips[0]
    opened = OpenRecognizer(model, clip, lambda _: None)
    told = opened(opened.given).softmax(dim=1).detach().numpy()
    assert np.abs(told - model.predict([clip]).probabilities).max() < 0.05
    given = opened.given.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(opened(given).sum() + opened(given)[0, 0], given)
    assert torch.isfinite(gradient).all()
    assert (gradient != 0).any()
    with pytest.raises(ValueError, match="the pixels have shape"):
        opened(given[..., 1:])


def test_an_open_recognizer_of_flow_maps_is_exact_and_counts_its_passes() -> None:
    clips, _ = grey_maps([0.5])
    model = create("recognizers", "ststnet")
    spent: list[int] = []
    opened = OpenRecognizer(model, clips[0], spent.append)
    told = opened(opened.given.expand(3, -1, -1, -1)).softmax(dim=1).detach().numpy()
    assert np.allclose(told, model.predict(clips).probabilities, atol=1e-6)
    assert spent == [3]


def test_several_models_answer_by_their_mean_probability() -> None:
    from mask.folds import FoldedRecognizer

    clips, _ = grey_maps([0.5])
    folds = {n: LinearMaps(WEIGHTS, float(WEIGHTS.sum() / 2 + k)) for k, n in enumerate("ab")}
    both = FoldedRecognizer("both", folds, strangers="average")
    opened = OpenRecognizer(both, clips[0], lambda _: None)
    told = opened(opened.given).softmax(dim=1).numpy()
    assert np.allclose(told, both.predict(clips).probabilities, atol=1e-5)


def test_a_recognizer_without_gradients_is_not_opened() -> None:
    clip = flow_clip("s/1", np.zeros((28, 28, 3), np.uint8))
    with pytest.raises(InvalidPlan, match="linear gives no gradient"):
        target(LinearFlow(np.ones((28, 28)), 0.0), clip).open()


@pytest.mark.parametrize("defense", ["jpeg", "median"])
def test_behind_a_filter_the_forward_pass_is_the_filters_and_the_backward_pass_goes_by_it(defense: str) -> None:
    flow = np.random.default_rng(2).integers(90, 160, (28, 28, 3)).astype(np.uint8)
    clip, model = flow_clip("s/1", flow), LinearMaps(WEIGHTS / 50, 0.0)
    guarded = create("defenses", defense).wrap(model)
    opened = OpenRecognizer(guarded, clip, lambda _: None)
    assert np.allclose(opened(opened.given).softmax(1).numpy(), guarded.predict([clip]).probabilities, atol=1e-5)
    given = opened.given.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(opened(given)[0, 1], given)
    assert torch.allclose(gradient[0], torch.from_numpy(WEIGHTS / 1000).float(), rtol=1e-4)
    film = FILMS.clips[0]
    pair = create("defenses", defense).wrap(TorchRecognizer("pair", EMOTIONS, LinearPair(48), size=48))
    opened = OpenRecognizer(pair, film, lambda _: None)
    assert np.abs(opened(opened.given).softmax(1).detach().numpy() - pair.predict([film]).probabilities).max() < 0.02


def test_only_access_gradient_opens_the_target() -> None:
    clips, model = grey_maps([0.5])
    for access in ("none", "decision", "score"):
        with pytest.raises(AccessDenied, match="asked its target for a gradient"):
            target(model, clips[0], access).open()  # type: ignore[arg-type]
    with pytest.raises(AccessDenied):
        NoTarget().open()


# What attacks find


@pytest.mark.parametrize("name", ["fgsm", "pgd", "torchattacks:name=MIFGSM"])
def test_on_a_linear_recognizer_the_optimum_is_reached(name: str) -> None:
    """No perturbation within eps moves the score by more than eps times the l1 norm of the weights."""
    clips, model = grey_maps([0.2])
    plan = create("attacks", name).plan(clips[0], scene(model, clips[0]))
    moved = (plan.pixels.astype(int) - np.asarray(clips[0].flow)).transpose(2, 0, 1)
    assert (moved == -4 * np.sign(WEIGHTS)).mean() > (0.999 if name == "fgsm" else 0.99)


def test_success_is_exactly_where_the_optimum_crosses() -> None:
    clips, model = grey_maps([0.1, 0.5, 0.9, 0.99, 1.01, 1.1, 2.0, 3.0])
    (cell,) = run(setting({"fgsm": create("attacks", "fgsm")}, clips, model))
    assert {r.clip: r.success for r in cell["rows"]} == {f"s{k % 4}/m{k}": k < 4 for k in range(8)}
    assert cell["cell"]["n_clean_correct"] == 8
    assert (cell["cell"]["kinetics"], cell["cell"]["eps"], cell["cell"]["sticker_area"]) == ("digital", 4, 0.0)
    assert all(r.evidence == "FGSM, 1 step, eps 4/255, flow" for r in cell["rows"])
    assert all(np.isnan(r.x) and r.art == "" for r in cell["rows"])


def test_flicker_finds_the_best_colour_and_is_one_colour() -> None:
    clips, model = grey_maps([0.0])
    weights = WEIGHTS + np.array([0.5, -0.5, 0.2])[:, None, None]
    model = LinearMaps(weights, float((weights * 128 / 255).sum() - 20))
    plan = create("attacks", "flicker").plan(clips[0], scene(model, clips[0]))
    moved = plan.pixels.astype(int) - np.asarray(clips[0].flow)
    assert (moved == moved[0, 0]).all()
    assert moved[0, 0].tolist() == (-4 * np.sign(weights.sum(axis=(1, 2)))).astype(int).tolist()
    film = FILMS.clips[0]
    pair = TorchRecognizer("pair", EMOTIONS, LinearPair(48), size=48)
    plan = create("attacks", "flicker").plan(film, scene(pair, film, hide="calm"))
    clean = np.stack(film.pair())[:, plan.corner[0] :, plan.corner[1] :][
        :, : plan.pixels.shape[1], : plan.pixels.shape[2]
    ]
    moved = plan.pixels.astype(int) - clean
    inside = (clean > 4) & (clean < 251)
    assert len({tuple(moved[1][i, j]) for i, j in np.argwhere(inside[1].all(axis=-1))}) == 1


@pytest.mark.parametrize("frame", ["apex", "onset"])
def test_temporal_sparse_leaves_the_other_frame_alone(frame: str) -> None:
    film = FILMS.clips[0]
    pair = TorchRecognizer("pair", EMOTIONS, LinearPair(48), size=48)
    attack = create("attacks", f"temporal-sparse:frame={frame},steps=4")
    made = scene(pair, film, hide="calm")
    changed = apply(film, attack.plan(film, made))
    other = film.onset if frame == "apex" else film.apex
    index = film.apex if frame == "apex" else film.onset
    assert (changed.frame(other) == film.frame(other)).all()
    assert np.abs(changed.frame(index).astype(int) - film.frame(index)).max() == 4
    assert made.target.queries == 4  # type: ignore[attr-defined]
    assert pair.predict([changed]).of("calm")[0] < pair.predict([film]).of("calm")[0]
    with pytest.raises(InvalidPlan, match="no frames to leave unchanged"):
        attack.plan(grey_maps([0.1])[0][0], scene(grey_maps([0.1])[1], grey_maps([0.1])[0][0]))


def test_a_heavier_norm_changes_less() -> None:
    film = FILMS.clips[0]
    pair = TorchRecognizer("pair", EMOTIONS, LinearPair(48), size=48)
    moved = []
    for weight in (0, 1e6):
        plan = create("attacks", f"temporal-sparse:weight={weight},steps=10").plan(film, scene(pair, film, hide="calm"))
        changed = apply(film, plan).frame(film.apex)
        moved.append(np.abs(changed.astype(int) - film.frame(film.apex)).mean())
    assert moved[1] < moved[0] / 2


@pytest.mark.parametrize(("name", "passes"), [("fgsm", 1), ("pgd:steps=7", 7), ("flicker:steps=5", 6)])
def test_every_pass_is_a_query(name: str, passes: int) -> None:
    clips, model = grey_maps([0.5, 0.5, 2.0, 2.0])
    attacks = {name: create("attacks", name)}
    (cell,) = run(setting(attacks, clips, model))
    assert {r.queries for r in cell["rows"]} == {passes + 1}
    (blind,) = run(setting(attacks, clips, model, threats=(replace(DIGITAL, wearer_knows_emotion=False),)))
    assert {r.queries for r in blind["rows"]} == {passes + 2}
    assert [r.success for r in blind["rows"]] == [r.success for r in cell["rows"]]
    (enough,) = run(setting(attacks, clips, model, threats=(replace(DIGITAL, budget=passes + 1),)))
    assert enough["cell"]["invalid"] == 0
    (short,) = run(setting(attacks, clips, model, threats=(replace(DIGITAL, budget=passes),)))
    assert {r.status for r in short["rows"]} == {"invalid"}
    assert short["cell"]["n_success"] == 0
    assert short["cell"]["queries_max"] <= passes
    assert all("more looks at the target than the budget allows" in r.evidence for r in short["rows"])


@dataclass(frozen=True)
class Cheat(Attack):
    """Proposes pixels of its own making."""

    by: int
    access: ClassVar[Access] = "none"
    digital: ClassVar[bool] = True

    def plan(self, clip: Clip, scene: Scene) -> Perturbation:
        moved = np.asarray(clip.flow, dtype=int) - (self.by * np.sign(WEIGHTS)).astype(int).transpose(1, 2, 0)
        return Perturbation(moved.clip(0, 255).astype(np.uint8), evidence="always right")


def test_the_core_believes_no_attack() -> None:
    clips, model = grey_maps([0.5, 0.5, 2.0, 2.0])
    cells = list(run(setting({"over": Cheat(5), "within": Cheat(4), "idle": Cheat(0)}, clips, model)))
    over, within, idle = ([r.success for r in c["rows"]] for c in cells)
    assert {r.status for r in cells[0]["rows"]} == {"invalid"}
    assert "the limit is 4/255" in cells[0]["rows"][0].evidence
    assert not any(over)
    assert sum(within) == 2
    assert not any(idle)


@pytest.mark.parametrize("name", ["fgsm", "pgd", "flicker", "torchattacks:name=PIFGSM", "torchattacks:name=GN"])
def test_attacks_conform(name: str) -> None:
    clips, model = grey_maps([0.2, 0.5, 0.8, 1.5, 2.0])
    plans = check_attack(create("attacks", name), model, clips, DIGITAL, ())
    assert all(isinstance(p, Perturbation) for p in plans)
    films = [replace(c, emotion=EMOTIONS[k % 2]) for k, c in enumerate(FILMS.clips)]
    pair = TorchRecognizer("pair", EMOTIONS, LinearPair(32), size=32)
    check_attack(create("attacks", name), pair, films, DIGITAL, ())


def test_temporal_sparse_conforms_on_frames() -> None:
    films = [replace(c, emotion=EMOTIONS[k % 2]) for k, c in enumerate(FILMS.clips)]
    pair = TorchRecognizer("pair", EMOTIONS, LinearPair(32), size=32)
    check_attack(create("attacks", "temporal-sparse:steps=2"), pair, films, DIGITAL, ())


def test_attacks_that_do_not_conform() -> None:
    clips, model = grey_maps([0.2, 0.5])
    with pytest.raises(NotConforming, match="leaves its threat model"):
        check_attack(Cheat(5), model, clips, DIGITAL, ())

    @dataclass(frozen=True)
    class Sticks(Cheat):
        def plan(self, clip: Clip, scene: Scene) -> Any:
            return Plan(Placement(0.5, 0.5, 0.046))

    with pytest.raises(NotConforming, match="returned a Plan, not a Perturbation"):
        check_attack(Sticks(0), model, clips, DIGITAL, ())


@pytest.mark.parametrize(
    "spec",
    [
        "pgd:steps=0",
        "pgd:alpha=0",
        "flicker:rate=0",
        "temporal-sparse:frame=offset",
        "temporal-sparse:weight=-1",
        "torchattacks:name=LGV",
        "torchattacks:name=eval",
        "landmark:aim=nose",
    ],
)
def test_bad_parameters_are_refused(spec: str) -> None:
    with pytest.raises(UsageError):
        create("attacks", spec)


def test_without_a_name_there_is_every_attack_of_torchattacks() -> None:
    made = create("attacks", "torchattacks")
    assert len(made) == 37
    assert {a.name for a in made} >= {"FGSM", "AutoAttack", "JSMA"}


# Beside stickers, in one audit


def test_stickers_and_changed_pixels_in_one_audit_and_its_report(tmp_path: Path) -> None:
    clips, model = grey_maps([0.2, 0.5, 1.5, 2.0, 0.4, 0.7, 1.2, 3.0])
    clips += [replace(c, key=f"{c.key}calm", emotion="calm") for c in clips[:4]]
    attacks = {n: create("attacks", n) for n in ("random", "centre", "fgsm", "temporal-sparse")}
    both = setting(attacks, clips, model, threats=(ThreatModel("skin"), DIGITAL))
    cells = list(run(both))
    told = [(c["cell"]["kinetics"], c["cell"]["attack"]) for c in cells]
    assert told == [("skin", "random"), ("skin", "centre"), ("digital", "fgsm"), ("digital", "temporal-sparse")]
    alone = list(
        run(setting({n: attacks[n] for n in ("random", "centre")}, clips, model, threats=(ThreatModel("skin"),)))
    )
    assert [c["rows"] for c in alone] == [c["rows"] for c in cells[:2]], "stickers are judged as without them"
    results = {"command": ["mask", "audit"], "environment": environment(), **gather(both, cells, show_faces=False)}
    write_results({"schema": "mask.results/1", **results}, tmp_path / "results.json")
    write_rows([r for c in cells for r in c["rows"]], tmp_path / "clips.csv")
    build([tmp_path], tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "each pixel by at most 4/255 (Linf), in 8 bits" in page
    assert "clips.csv says why" in page, "temporal-sparse cannot work on flow maps"
    back = read_results(tmp_path / "results.json")
    assert [t["eps"] for t in back["threat_models"] if t["kinetics"] == "digital"] == [4]
    line = next(text for text in conclusion(back) if text.startswith("Pixels changed in the file (digital)"))
    assert "fgsm 0." in line
    assert "temporal-sparse" not in line, "what could not be tried has no rate"


def test_an_attack_that_fits_no_threat_model_is_a_usage_error() -> None:
    clips, model = grey_maps([0.2, 0.5])
    with pytest.raises(UsageError, match="'fgsm' fits none of the kinetics"):
        list(run(setting({"fgsm": create("attacks", "fgsm")}, clips, model, threats=(ThreatModel("skin"),))))


# A sticker that misleads alignment


class Spy(Recognizer):
    name, labels, reads = "spy", EMOTIONS, "pair"

    def __init__(self) -> None:
        self.tracked: list[bool] = []

    def predict(self, clips: Sequence[Clip]) -> Prediction:
        self.tracked += [c.landmarks is not None for c in clips]
        return Prediction(self.labels, np.full((len(clips), 2), 0.5), ("ok",) * len(clips))


def test_a_stickered_clip_keeps_its_landmarks_unless_the_recognizer_looks_anew() -> None:
    film, spy = FILMS.clips[0], Spy()
    sticker = Plan(Placement(0.5, 0.2, 0.046))
    Scorer(spy).under(film, [sticker])
    Scorer(Retracking(spy)).under(film, [sticker])
    assert spy.tracked == [True, False]
    assert Retracking(spy).card()["name"] == "spy+retrack"
    opened = OpenRecognizer(Retracking(TorchRecognizer("p", EMOTIONS, LinearPair(32), size=32)), film, lambda _: None)
    assert opened(opened.given).shape == (1, 2)


def test_the_landmark_attack_takes_the_place_that_moves_the_crop_most() -> None:
    film = synthetic(subjects=1, repeats=1, size=160).clips[0]
    threat = ThreatModel("skin", area=0.046)
    places = sites(load("mesh"), threat, "frames")[::4]
    made = Scene(threat, places, NoTarget(), None, "happiness", np.random.default_rng(0))
    for aim in ("crop", "mesh"):
        plan = create("attacks", f"landmark:aim={aim}").plan(film, made)
        threat.check(plan)
        options = [replace(plan, placement=replace(plan.placement, x=s.x, y=s.y)) for s in places]
        shifts = [getattr(s, aim) if s else -1.0 for s in landmark.measure(film, options)]
        here = [i for i, s in enumerate(places) if (s.x, s.y) == (plan.placement.x, plan.placement.y)]
        assert here == [int(np.argmax(shifts))]
        assert "of the eyes' distance" in plan.evidence
        assert not plan.abstained
        if aim == "crop":
            there = [clip_box(replace(c, landmarks=None)).to_image for c in (film, apply(film, plan))]
            corners = np.array([[0, 0, 1], [1, 0, 1], [0, 1, 1], [1, 1, 1]])
            apart = np.linalg.norm(corners @ there[0].T - corners @ there[1].T, axis=1).mean()
            assert apart == pytest.approx(max(shifts)), "so far moves the crop of a recognizer that looks anew"
            assert max(shifts) > 2 * np.median(shifts)


def test_the_landmark_attack_says_where_it_cannot_work(monkeypatch: pytest.MonkeyPatch) -> None:
    attack = create("attacks", "landmark")
    clip = flow_clip("s/1", np.zeros((28, 28, 3), np.uint8))
    threat = ThreatModel("overlay", area=0.046)
    made = Scene(threat, sites(load("mesh"), threat, "flow"), NoTarget(), None, None, np.random.default_rng(0))
    with pytest.raises(InvalidPlan, match="no landmarks left to mislead"):
        attack.plan(clip, made)
    film = FILMS.clips[0]
    blank = np.zeros((len(film.frames or ()), 96, 96, 3), np.uint8)
    with pytest.raises(InvalidPlan, match="no face to mislead about"):
        attack.plan(film.with_frames(blank), made)
    monkeypatch.setattr(landmark, "measure", lambda _, plans: [None] * len(plans))
    lost = attack.plan(film, made)
    assert lost.abstained
    assert "lost wherever" in lost.evidence


def test_the_landmark_attack_conforms() -> None:
    films = synthetic(subjects=2, repeats=1, size=96).clips[::2]
    threat = ThreatModel("overlay", area=0.046)
    check_attack(create("attacks", "landmark"), Spy(), films, threat, sites(load("mesh"), threat, "frames")[::40])


def test_an_opened_target_refuses_passes_over_budget() -> None:
    with pytest.raises(BudgetExhausted):
        target(LinearMaps(WEIGHTS, 0.0), grey_maps([0.1])[0][0], budget=1).open()(torch.zeros(1, 3, 28, 28))
