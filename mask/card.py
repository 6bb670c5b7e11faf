"""The card beside trained weights: which file judges whom, and how the models were made."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from torch import nn

from mask.errors import UnreadableWeights
from mask.weights import fill, read_state, sha256


class Holder(Protocol):
    """Whatever holds a network to fill with weights."""

    module: nn.Module


H = TypeVar("H", bound=Holder)


@dataclass(frozen=True)
class Card:
    """A card that has been read; the weights it names have not been.

    Attributes:
        path: of the card; the weights lie beside it.
        options: the keyword parameters that rebuild a model.
        labels: what the models answer with, in the order of their outputs.
        files: the weights of the model that judges each subject, by name.
        training: what was trained on what, and how.
    """

    path: Path
    options: dict[str, Any]
    labels: tuple[str, ...]
    files: dict[str, str]
    training: dict[str, Any]

    @classmethod
    def read(cls, path: Path, schema: str, kind: str, name: str, labels: str = "labels") -> Card:
        """Read a card.

        Args:
            path: where it is.
            schema: what it must say it is.
            kind: the key under which it names its models.
            name: what it must name there.
            labels: the key of the labels.

        Raises:
            UnreadableWeights: with what is there and what was expected.
        """
        try:
            saved = json.loads(path.read_text(encoding="utf-8"))
            found = saved[kind]
            card = cls(
                path,
                dict(saved["options"]),
                tuple(map(str, saved[labels])),
                {str(k): str(v) for k, v in saved["folds"].items()},
                dict(saved.get("training", {})),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnreadableWeights(f"{path} is not a card of schema {schema} ({error})") from error
        if saved.get("schema") != schema or found != name:
            raise UnreadableWeights(
                f"{path} describes {found!r} of schema {saved.get('schema')!r}, not {name!r} of {schema}"
            )
        for file in card.files.values():
            if Path(file).name != file:
                raise UnreadableWeights(f"{path} names the weights {file!r}, which is not a file beside it")
        return card

    @property
    def seen(self) -> tuple[str, ...]:
        """The subjects that models were trained on and none was trained without."""
        return tuple(map(str, self.training.get("seen", ())))

    def models(self, build: Callable[[dict[str, Any], tuple[str, ...]], H]) -> dict[str, H]:
        """The model that judges each subject, its weights loaded; subjects share models where they share weights.

        Args:
            build: makes an untrained model of options and labels.

        Raises:
            UnreadableWeights: when weights are missing, damaged or of another architecture.
        """
        made: dict[str, H] = {}
        for file in dict.fromkeys(self.files.values()):
            made[file] = build(self.options, self.labels)
            fill(made[file].module, read_state(self.path.parent / file), self.path.parent / file)
        return {subject: made[file] for subject, file in self.files.items()}

    def told(self) -> dict[str, Any]:
        """What results repeat of it."""
        files = dict.fromkeys(self.files.values())
        return {
            "weights": "trained here",
            "training": self.training,
            "sha256": {file: sha256(self.path.parent / file) for file in files},
        }
