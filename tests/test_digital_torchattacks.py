"""torchattacks through the adapter: the same bits, on clips too, and nothing left behind."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
import torchattacks
from torch import Tensor, nn

from mask.digital.adapter import perturb
from mask.digital.survey import Trial, survey

EPS = 8 / 255
BREAKS_ON_CLIPS = (
    "APGD", "APGDT", "AutoAttack", "DIFGSM", "Jitter", "PGDL2", "PGDRS", "PGDRSL2", "PIFGSM", "PIFGSMPP", "Square",
    "TIFGSM",
)  # fmt: skip
BREAKS_ON_THREE_CLASSES = ("APGDT", "AutoAttack", "JSMA")


class Network(nn.Module):
    def __init__(self, channels: int = 3, classes: int = 3) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(channels, 5, 3, padding=1), nn.BatchNorm2d(5), nn.Tanh(), nn.AdaptiveAvgPool2d(3), nn.Flatten()
        )
        self.fc = nn.Linear(45, classes)

    def forward(self, pixels: Tensor) -> Tensor:
        out: Tensor = self.fc(self.net(pixels.flatten(1, 2) if pixels.ndim == 5 else pixels))
        return out


def made(shape: tuple[int, ...], classes: int = 3) -> tuple[Network, Tensor, Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = Network(shape[1] * (shape[2] if len(shape) == 5 else 1), classes).eval()
        pixels = torch.rand(shape)
        with torch.no_grad():
            return network, pixels, network(pixels).argmax(1)


@pytest.fixture(scope="module", autouse=True)
def brief() -> Iterator[None]:
    """AutoAttack ends with Square's 5,000 queries, which no option shortens."""

    def square(model: Any, **options: Any) -> Any:
        return torchattacks.Square(model, **{**options, "n_queries": 9})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torchattacks.attacks.autoattack.Square", square)
        yield


@pytest.fixture(scope="module")
def trials(brief: None) -> list[Trial]:
    return survey()


def test_every_class_works_or_says_why_not(trials: list[Trial]) -> None:
    assert [t.name for t in trials] == torchattacks.__all__
    broken = {t.name: t.why for t in trials if not (t.clips and t.flow)}
    assert set(broken) == {"LGV", "MultiAttack"}, broken
    assert all(why and "\n" not in why for why in broken.values())
    assert not any(t.why for t in trials if t.clips and t.flow)


def test_two_classes_are_enough() -> None:
    for trial in survey(("APGD", "APGDT", "AutoAttack", "FAB", "DeepFool", "Jitter", "JSMA"), classes=2):
        assert trial.clips, trial
        assert trial.flow, trial


def test_the_survey_tells_of_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Any, *_: Any) -> None:
        raise RuntimeError("first line\nsecond")

    def leaves(self: Any, images: Tensor, _: Tensor) -> Tensor:
        self.model.inner.net[0].weight.data.add_(1)
        return images

    monkeypatch.setattr(torchattacks.FGSM, "forward", fails)
    monkeypatch.setattr(torchattacks.BIM, "forward", leaves)
    first, second = survey(("FGSM", "BIM"))
    assert first == Trial("FGSM", False, False, "RuntimeError: first line")
    assert second == Trial("BIM", False, False, "it changes the network")


@pytest.mark.parametrize("name", BREAKS_ON_CLIPS)
def test_the_adapter_repairs_clips(name: str) -> None:
    """When an attack works on five axes by itself, its repair can go."""
    network, pixels, labels = made((2, 3, 2, 12, 12), classes=10)
    with pytest.raises((RuntimeError, ValueError, IndexError)):
        getattr(torchattacks, name)(network)(pixels, labels)
    changed = perturb(
        name, network, pixels, labels, classes=10, eps=EPS, **({"n_queries": 9} if name == "Square" else {})
    )
    assert changed.shape == pixels.shape
    assert 0 < (changed - pixels).abs().max() <= EPS + 1e-6


@pytest.mark.parametrize("name", BREAKS_ON_THREE_CLASSES)
def test_the_adapter_repairs_three_classes(name: str) -> None:
    network, pixels, _ = made((6, 3, 8, 8))
    labels = torch.arange(6) % 3
    with pytest.raises((IndexError, RuntimeError)):
        getattr(torchattacks, name)(network)(pixels, labels)
    perturb(name, network, pixels, labels, classes=3, eps=EPS, **({"gamma": 0.02} if name == "JSMA" else {}))


@pytest.mark.parametrize(("name", "options"), [("FGSM", {}), ("PGD", {}), ("PGD", {"random_start": False, "steps": 3})])
def test_four_axes_give_the_same_bits_as_torchattacks_alone(name: str, options: dict[str, Any]) -> None:
    network, pixels, labels = made((4, 3, 16, 16))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(11)
        wanted = getattr(torchattacks, name)(network, eps=EPS, **options)(pixels, labels)
    assert torch.equal(perturb(name, network, pixels, labels, classes=3, eps=EPS, seed=11, **options), wanted)


@pytest.mark.parametrize("name", ["FGSM", "PGD", "BIM", "MIFGSM"])
def test_five_axes_give_the_bits_of_the_folded_clip(name: str) -> None:
    network, pixels, labels = made((4, 3, 2, 16, 12))
    folded = perturb(name, network, pixels.flatten(1, 2), labels, classes=3, eps=EPS, seed=5)
    assert torch.equal(perturb(name, network, pixels, labels, classes=3, eps=EPS, seed=5).flatten(1, 2), folded)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("eps", [2 / 255, 8 / 255])
def test_four_axes_give_the_same_bits_as_foolbox(eps: float) -> None:
    foolbox = pytest.importorskip("foolbox", reason="foolbox is a development extra")
    network, pixels, labels = made((4, 3, 16, 16))
    model = foolbox.PyTorchModel(network, bounds=(0, 1))
    steps = foolbox.attacks.LinfPGD(abs_stepsize=2 / 255, steps=10, random_start=False)
    for name, theirs, options in (
        ("FGSM", foolbox.attacks.LinfFastGradientAttack(random_start=False), {}),
        ("PGD", steps, {"alpha": 2 / 255, "steps": 10, "random_start": False}),
    ):
        _, wanted, _ = theirs(model, pixels, labels, epsilons=eps)
        ours = perturb(name, network, pixels, labels, classes=3, eps=eps, **options)
        assert torch.equal(ours, wanted), (name, float((ours - wanted).abs().max()))


def random_states() -> tuple[Any, ...]:
    return random.getstate(), np.random.get_state()[1].tobytes(), torch.random.get_rng_state()  # type: ignore[union-attr] # noqa: NPY002


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("name", ["CW", "APGD", "PIFGSM", "OnePixel", "Square"])
def test_nothing_is_left_behind(name: str, fails: bool, capsys: pytest.CaptureFixture[str]) -> None:
    network, pixels, labels = made((2, 3, 2, 12, 12))
    network.train()
    network.net[1].eval()
    network.fc.weight.requires_grad_(False)
    network.fc.bias.grad = torch.ones(3)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    calls = []

    class Moody(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, given: Tensor) -> Tensor:
            calls.append(len(given))
            assert not any(m.training for m in network.modules())
            if fails and len(calls) == 2:
                raise ArithmeticError("the model has had enough")
            out: Tensor = network(given)
            return out

    states = random_states()
    options = {"n_queries": 5} if name == "Square" else {}
    if fails:
        with pytest.raises(ArithmeticError):
            perturb(name, Moody(), pixels, labels, classes=3, eps=EPS, **options)
    else:
        perturb(name, Moody(), pixels, labels, classes=3, eps=EPS, **options)
    after = random_states()
    assert states[:2] == after[:2]
    assert torch.equal(states[2], after[2])
    assert network.training
    assert network.net[0].training
    assert not network.net[1].training, "frozen batch normalisation stays frozen"
    assert not network.fc.weight.requires_grad
    assert network.net[0].weight.requires_grad
    assert network.net[0].weight.grad is None
    assert torch.equal(network.fc.bias.grad, torch.ones(3))
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    assert capsys.readouterr().out == ""


def test_a_function_without_parameters_is_a_model() -> None:
    weight = torch.tensor([1.0, -1.0, 0.5]).view(1, 3, 1, 1, 1)

    def model(video: Tensor) -> Tensor:
        score = (video * weight).mean(dim=(1, 2, 3, 4))
        return torch.stack([score, -score, 0 * score], dim=1)

    pixels = torch.full((1, 3, 2, 6, 6), 0.5)
    changed = perturb("FGSM", model, pixels, torch.tensor([0]), classes=3, eps=EPS)
    assert torch.allclose(changed, pixels - EPS * weight.sign())


def test_attacks_of_other_norms_are_held_to_the_bound() -> None:
    network, pixels, _ = made((6, 3, 12, 12))
    labels = torch.arange(6) % 3
    alone = torchattacks.PGDL2(network, eps=5.0, alpha=2.0)(pixels, labels)
    assert (alone - pixels).abs().max() > 2 * EPS
    held = perturb("PGDL2", network, pixels, labels, classes=3, eps=EPS, alpha=2.0)
    assert EPS / 2 < (held - pixels).abs().max() <= EPS + 1e-6
    assert held.min() >= 0
    assert held.max() <= 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "__class__"}, "exports no attack"),
        ({"name": "Attack"}, "exports no attack"),
        ({"name": "LGV"}, "weights further"),
        ({"pixels": torch.full((1, 3, 8, 8), 1.5)}, r"leave \[0, 1\]"),
        ({"pixels": torch.full((1, 3, 8, 8), torch.nan)}, "not finite"),
        ({"pixels": torch.zeros(1, 3, 8, 8, dtype=torch.float64)}, "float32"),
        ({"labels": torch.tensor([3])}, "0 to 2"),
        ({"labels": torch.tensor([0, 1])}, r"expected int64 \(1,\)"),
        ({"classes": 1, "labels": torch.tensor([0])}, "at least 2 classes"),
        ({"nonsense": 1}, "no parameter 'nonsense'"),
        ({"name": "JSMA", "pixels": torch.zeros(1, 3, 64, 64)}, "compares every two"),
    ],
)
def test_what_cannot_be_run_is_refused(change: dict[str, Any], said: str) -> None:
    network, _, _ = made((1, 3, 8, 8))
    given: dict[str, Any] = {
        "name": "FGSM",
        "pixels": torch.zeros(1, 3, 8, 8),
        "labels": torch.tensor([0]),
        "classes": 3,
    }
    given |= change
    with pytest.raises(ValueError, match=said):
        perturb(given.pop("name"), network, given.pop("pixels"), given.pop("labels"), eps=EPS, **given)


def test_listing_and_making_attacks_does_not_import_torchattacks() -> None:
    code = (
        "import sys, mask.registry as r; [r.describe('attacks', n) for n in r.names('attacks')]; "
        "[r.create('attacks', n) for n in ('fgsm', 'pgd', 'flicker', 'temporal-sparse')]; "
        "print('torchattacks' in sys.modules, 'torchvision' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["False", "False"]
