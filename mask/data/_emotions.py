"""Emotions by name, and the label sets the field makes of them.

``classes=3`` folds every set into negative, positive and surprise, as MEGC 2019 does (its challenge paper counts
repression, anger, contempt, disgust, fear and sadness as negative and leaves others out). 4, 5, 6 and 7 are what papers
on one set use; ``native`` is the annotation itself; ``objective`` the five classes of action units of MEGC 2018.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from mask.errors import UsageError

from ._units import OBJECTIVE

_ALIASES: Mapping[str, str] = {
    "happy": "happiness",
    "joy": "happiness",
    "amusement": "happiness",
    "sad": "sadness",
    "angry": "anger",
    "disgusted": "disgust",
    "fearful": "fear",
    "surprised": "surprise",
    "other": "others",
    "repressed": "repression",
    "tension": "tense",
    "ne": "negative",
    "po": "positive",
    "sur": "surprise",
}

_NEGATIVE = ("anger", "contempt", "disgust", "fear", "sadness")
THREE: Mapping[str, str] = {
    **dict.fromkeys((*_NEGATIVE, "repression", "negative"), "negative"),
    **dict.fromkeys(("happiness", "positive"), "positive"),
    "surprise": "surprise",
}
# With a class for the rest, repression and tension belong to the rest (CAS(ME)^2, CAS(ME)^3 and papers on CASME II).
_FOUR: Mapping[str, str] = {**THREE, **dict.fromkeys(("repression", "tense", "others"), "others")}
_ORDER = ("negative", "positive", "surprise", "others")

_ALL = ("anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise", "repression", "tense", "others")

CHOICES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "casme": {"native": ("contempt", "disgust", "fear", "happiness", "sadness", "surprise", "repression", "tense")},
    "casme2": {
        "5": ("happiness", "surprise", "disgust", "repression", "others"),
        "7": ("happiness", "surprise", "disgust", "repression", "sadness", "fear", "others"),
    },
    "samm": {
        "5": ("anger", "contempt", "happiness", "surprise", "others"),
        "7": ("anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise"),
    },
    "samm-long": {
        "5": ("anger", "contempt", "happiness", "surprise", "others"),
        "7": ("anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise"),
    },
    "casme3": {"7": ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "others")},
    "mmew": {
        "6": ("anger", "disgust", "fear", "happiness", "sadness", "surprise"),
        "7": ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "others"),
    },
    "4dme": {"5": ("negative", "positive", "surprise", "repression", "others")},
    "dfme": {"7": _ALL[:7]},
}
"""The label sets of each dataset beside 3, 4, native and objective, in the order the labels are given."""


def spell(text: str) -> tuple[str, ...]:
    """Emotions as annotated, by the field's names; several where an annotation names several.

    >>> spell(" Happy"), spell("Surprise+Positive"), spell("Other")
    (('happiness',), ('positive', 'surprise'), ('others',))
    """
    words = [w.strip() for w in re.split(r"[+,/&;]", text.casefold())]
    return tuple(sorted({_ALIASES.get(w, w) for w in words if w}))


class Classes:
    """A label set, chosen by name.

    Args:
        dataset: the adapter.
        choice: ``3``, ``4``, ``5``, ``6``, ``7``, ``native`` or ``objective``, as far as the dataset has it.

    Raises:
        UsageError: for another choice.
    """

    def __init__(self, dataset: str, choice: int | str) -> None:
        self.name = str(choice).casefold()
        self._own = CHOICES.get(dataset, {}).get(self.name, ())
        known = ["3", "4", *(k for k in CHOICES.get(dataset, ()) if k != "native"), "native", "objective"]
        if self.name not in known:
            raise UsageError(f"classes is {choice!r}; {dataset} has {', '.join(known)}")

    def label(self, emotions: Sequence[str], objective: str) -> str | None:
        """The label of a clip, or `None` when this set has none for it.

        Args:
            emotions: as `spell` gives them; several that fold into one label are that label.
            objective: the objective class, ``I`` to ``VII``.
        """
        if self.name == "objective":
            return objective if objective in OBJECTIVE[:5] else None
        if self.name == "native":
            return "+".join(emotions) or None
        table = THREE if self.name == "3" else _FOUR if self.name == "4" else {e: e for e in self._own}
        folded = {table.get(e) for e in emotions}
        return folded.pop() if len(folded) == 1 else None

    def order(self, labels: Sequence[str]) -> tuple[str, ...]:
        """The labels that occur, in the order of this set; names the set does not order come last."""
        known = OBJECTIVE if self.name == "objective" else self._own or tuple(dict.fromkeys((*_ORDER[:3], *_ALL)))
        occur = sorted(set(labels))
        return tuple([k for k in known if k in occur] + [k for k in occur if k not in known])
