"""What the names of a grid stand for, made when they are first needed; the same on the driver and on every worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from mask import naming, registry
from mask.audit import Setting
from mask.clip import Dataset
from mask.contracts import Attack, Defense, Recognizer
from mask.errors import UsageError
from mask.folds import FoldedRecognizer
from mask.plan import ThreatModel
from mask.torch_recognizer import Trainable

from .address import code, data, digest, origin
from .grid import Data, Grid, Named


@dataclass(frozen=True)
class Studied:
    """A dataset, and what attacks may study beside it."""

    name: str
    dataset: Dataset
    discovery: Dataset | None

    @cached_property
    def fingerprint(self) -> str:
        """Changes with every label and pixel of both."""
        return digest(data(self.dataset), None if self.discovery is None else data(self.discovery))


class Things:
    """The members of a grid.

    Args:
        grid: their names.
        models: the folder of the recognizers that the grid trains.
    """

    def __init__(self, grid: Grid, models: Path) -> None:
        self.grid, self.models = grid, models
        self._data: dict[Data, Studied] = {}
        self._loaded: tuple[str, Recognizer] | None = None

    @cached_property
    def attacks(self) -> dict[str, Attack]:
        """By label."""
        return naming.attacks(self.grid.attacks)

    @cached_property
    def defenses(self) -> dict[str, Defense | None]:
        """By label."""
        return naming.defenses(self.grid.defenses)

    @cached_property
    def surrogates(self) -> tuple[tuple[Recognizer, ...], bool]:
        """What the attacker owns: recognizers, and whether siblings as well."""
        return naming.surrogates(self.grid.surrogates)

    def studied(self, named: Data) -> Studied:
        """A dataset of the grid; it stays, so that what was rendered or decoded for one cell serves the next."""
        if named not in self._data:
            dataset = registry.create("datasets", named.spec)
            discovery = None if named.discovery is None else registry.create("datasets", named.discovery)
            self._data[named] = Studied(named.name or dataset.name, dataset, discovery)
        return self._data[named]

    def recognizer(self, spec: str) -> Recognizer:
        """A recognizer by its spec; only the one asked for last is kept, for some fill a device on their own."""
        if self._loaded is None or self._loaded[0] != spec:
            self._loaded = None
            made: Recognizer = registry.create("recognizers", spec)
            if isinstance(made, Trainable):
                kind = spec.partition(":")[0]
                raise UsageError(
                    f"{spec!r} has no weights; name them, as in {kind}:weights=DIR, or give the grid a recipe under "
                    f"[train.{kind}]"
                )
            self._loaded = (spec, made)
        return self._loaded[1]

    def spec(self, named: Named) -> str:
        """The spec of a recognizer that the grid lists: as it is, or of what its recipe has trained."""
        if named.spec not in self.grid.train:
            return named.spec
        kind, folder = registry.Spec.parse(self.grid.train[named.spec].recognizer).name, self.folder(named.spec)
        if "," in str(folder):
            raise UsageError(f"{folder} holds a comma, and cannot be named as weights; choose another --out")
        return f"{kind}:weights={folder}"

    def preview(self, named: Named) -> Recognizer:
        """A recognizer that the grid lists; one that is still to be trained answers at random, and is named rightly."""
        if named.spec in self.grid.train and not self.is_trained(named.spec):
            recipe = self.grid.train[named.spec]
            return self.untrained(named.spec).fresh(self.studied(Data(recipe.data)).dataset.emotions)
        return self.recognizer(self.spec(named))

    def is_trained(self, name: str) -> bool:
        """Whether what a recipe trains is there."""
        return (self.folder(name) / "model.json").is_file()

    def untrained(self, name: str) -> Trainable:
        """What the recipe of a name trains."""
        recipe = self.grid.train[name]
        made = registry.create("recognizers", recipe.recognizer)
        if not isinstance(made, Trainable):
            raise UsageError(f"{recipe.recognizer!r} is trained already; list it under recognizers as it is")
        return made

    def folder(self, name: str) -> Path:
        """Where the recognizer that a recipe trains is kept: another recipe, data or code makes another folder."""
        recipe = self.grid.train[name]
        made = digest(asdict(recipe), self.studied(Data(recipe.data)).fingerprint, code())
        return self.models / f"{name}-{made[:12]}"

    def setting(
        self,
        recognizers: tuple[Recognizer, ...],
        studied: Studied,
        attacks: Mapping[str, Attack],
        defenses: Mapping[str, Defense | None],
        threats: tuple[ThreatModel, ...],
        seed: int,
    ) -> Setting:
        """What an audit of a part of the grid is about."""
        surrogates, siblings = self.surrogates
        return Setting(
            recognizers=recognizers,
            dataset=studied.dataset,
            attacks=attacks,
            threats=threats,
            defenses=defenses,
            discovery=studied.discovery,
            surrogates=surrogates,
            siblings=siblings,
            scheme=self.grid.scheme,
            step=self.grid.step,
            draws=self.grid.draws,
            retrained=self.grid.retrain,
            seed=seed,
        )

    def foreign(self, recognizer: Recognizer, attack: Attack, defense: Defense | None) -> list[str]:
        """The source of what in a cell is not MASK's own."""
        models = recognizer.models if isinstance(recognizer, FoldedRecognizer) else (recognizer,)
        return origin([*models, attack, defense, *self.surrogates[0]])
