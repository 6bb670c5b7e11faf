"""The probe's table: regional motion and emotion indicators, with what one subject shares taken out.

Subjects differ in how strongly they move and in which emotions they were filmed showing. Both would tie a region to
an emotion without either having to do with the other, so every column is centred within its subject, and one degree
of freedom is given up for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .graph import Note
from .guards import SPARE, Guarded, TooFewSamples, guard

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Table:
    """Rows fit for discovery.

    Args:
        motion: ``float64 (N, R)``, centred within subjects.
        labels: ``int (N,)``, the emotion of each row as an index into `emotions`.
        subjects: ``int (N,)``, 0 to S - 1; all 0 where subjects are not known.
        clips: ``int (N,)``, rows of one clip share a number and a label; each row its own where rows are clips.
        regions: the R regions kept.
        columns: ``int (R,)``, where they were among the regions given.
        rows: ``int (N,)``, where the rows were among those given.
        emotions: the K emotions, also those no row shows.
        samples: how many independent rows the table is worth.
        max_k: the largest conditioning set to use.
        notes: what the guards dropped or limited.
        levels: ``float64 (N, R)``, what centring took out of `motion`.
        domains: ``int (N,)``, the dataset of each row; all 0 where there is one.
    """

    motion: Floats
    labels: Ints
    subjects: Ints
    clips: Ints
    regions: tuple[str, ...]
    columns: Ints
    rows: Ints
    emotions: tuple[str, ...]
    samples: float
    max_k: int
    notes: tuple[Note, ...]
    levels: Floats
    domains: Ints

    def indicators(self) -> Floats:
        """One column per emotion, 1 where a row shows it, centred within subjects, ``float64 (N, K)``."""
        return centred(np.eye(len(self.emotions))[self.labels], self.subjects)

    def full(self) -> Floats:
        """Regions, then emotions, centred, and of unit mean square unless still, ``float64 (N, R + K)``."""
        columns = np.concatenate([self.motion, self.indicators()], axis=1)
        return _scaled(columns)

    def across(self) -> Floats:
        """`full`, but only what subjects of one dataset differ by is taken out, not what datasets differ by."""
        shown = np.eye(len(self.emotions))[self.labels]
        inside = np.concatenate([self.motion, self.indicators()], axis=1)
        taken = np.concatenate([self.levels, shown - self.indicators()], axis=1)
        columns = inside + taken - centred(taken, self.domains)
        return _scaled(columns - columns.mean(axis=0))

    def shuffled(self, rng: np.random.Generator) -> Table:
        """The same table with the labels of whole clips permuted within each subject."""
        first = np.unique(self.clips, return_index=True)[1]
        owner, labels = self.subjects[first], self.labels[first].copy()
        for subject in np.unique(owner):
            own = np.flatnonzero(owner == subject)
            labels[own] = labels[rng.permutation(own)]
        return replace(self, labels=labels[np.unique(self.clips, return_inverse=True)[1]])

    def take(self, rows: Ints) -> Table:
        """Some of the rows, worth their share of the samples."""
        return replace(
            self,
            motion=self.motion[rows],
            labels=self.labels[rows],
            subjects=np.unique(self.subjects[rows], return_inverse=True)[1],
            clips=self.clips[rows],
            rows=self.rows[rows],
            levels=self.levels[rows],
            domains=self.domains[rows],
            samples=self.samples * len(rows) / len(self.rows),
        )

    def with_motion(self, motion: Floats) -> Table:
        """The same rows with other motion, which is centred here."""
        return replace(self, motion=centred(motion, self.subjects))


def build(
    motion: Floats,
    labels: Sequence[str],
    subjects: Sequence[str] | None,
    regions: Sequence[str],
    emotions: Sequence[str],
    clips: Sequence[str] | None,
    max_k: int | None,
    domains: Sequence[str] | None = None,
) -> Table:
    """Guard, centre and number the rows.

    Raises:
        ValueError: for lengths or labels that do not fit together.
        TooFewSamples: when no test is possible.
    """
    motion = np.asarray(motion, dtype=np.float64)
    _check(motion, labels, subjects, regions, emotions, clips, domains)
    codes = np.array([list(emotions).index(label) for label in labels], dtype=np.intp)
    owners = _numbers(subjects, len(codes), alone=False)
    notes: list[Note] = []
    kept = guard(motion, regions, max_k=max_k)
    rows, lonely = _together(kept.rows, owners, subjects is not None)
    if lonely:
        notes.append(Note("rows", (), f"{lonely} rows are all that their subject has, and say nothing within it"))
    if len(rows) < SPARE:
        raise TooFewSamples(f"{len(rows)} independent rows are left of {len(codes)}: too few to test anything")
    owners = np.unique(owners[rows], return_inverse=True)[1]
    chosen = motion[np.ix_(rows, kept.columns)]
    inside = centred(chosen, owners)
    groups = _numbers(clips, len(codes), alone=True)[rows]
    lost = float(owners.max(initial=0)) + _repeated(inside, groups)
    # Centring can leave a column still: one that differs between subjects only.
    again: Guarded = guard(inside, kept.names, lost=lost, max_k=max_k)
    if again.samples < SPARE + 1:
        raise TooFewSamples(f"{again.samples:g} independent rows are too few to tie a region to an emotion")
    return Table(
        motion=again.data,
        labels=codes[rows],
        subjects=owners,
        clips=groups,
        regions=again.names,
        columns=kept.columns[again.columns],
        rows=rows,
        emotions=tuple(emotions),
        samples=again.samples,
        max_k=again.max_k,
        notes=(*(n for n in kept.notes if n.kind != "samples"), *notes, *again.notes),
        levels=(chosen - inside)[:, again.columns],
        domains=np.unique(_numbers(domains, len(codes), alone=False)[rows], return_inverse=True)[1],
    )


def centred(columns: Floats, groups: Ints) -> Floats:
    """Columns with each group's mean taken out."""
    counts = np.bincount(groups)
    sums = np.zeros((len(counts), columns.shape[1]))
    np.add.at(sums, groups, columns)
    means: Floats = sums / np.maximum(counts, 1)[:, None]
    return columns - means[groups]


def _scaled(columns: Floats) -> Floats:
    """Columns of unit mean square, unless still."""
    size = np.sqrt((columns**2).mean(axis=0))
    scaled: Floats = columns / np.where(size > 0, size, 1.0)
    return scaled


def _check(
    motion: Floats,
    labels: Sequence[str],
    subjects: Sequence[str] | None,
    regions: Sequence[str],
    emotions: Sequence[str],
    clips: Sequence[str] | None,
    domains: Sequence[str] | None,
) -> None:
    if motion.ndim != 2 or motion.shape[1] != len(regions):
        raise ValueError(f"motion has shape {motion.shape}; expected (N, {len(regions)}), one column per region")
    for name, given in (("labels", labels), ("subjects", subjects), ("clips", clips), ("domains", domains)):
        if given is not None and len(given) != len(motion):
            raise ValueError(f"there are {len(given)} {name} for {len(motion)} rows; expected one each")
    if len(set(emotions)) != len(emotions) or set(emotions) & set(regions):
        raise ValueError("emotions must differ from one another and from the regions' names")
    unknown = sorted({str(label) for label in labels} - set(emotions))
    if unknown:
        raise ValueError(f"the label {unknown[0]!r} is not among the emotions {', '.join(emotions)}")
    if clips is not None:
        owners = labels if subjects is None else subjects
        pairs = {(c, label, s) for c, label, s in zip(clips, labels, owners, strict=True)}
        if len(pairs) != len(set(clips)):
            raise ValueError("the rows of one clip must share one label and one subject")


def _numbers(names: Sequence[str] | None, count: int, *, alone: bool) -> Ints:
    if names is None:
        return np.arange(count) if alone else np.zeros(count, dtype=np.intp)
    return np.unique(np.asarray(names, dtype=str), return_inverse=True)[1]


def _together(rows: Ints, owners: Ints, known: bool) -> tuple[Ints, int]:
    """The rows whose subject has another one, and how many have not."""
    if not known:
        return rows, 0
    lonely = np.bincount(owners[rows], minlength=owners.max(initial=0) + 1)[owners[rows]] < 2
    return rows[~lonely], int(lonely.sum())


def _repeated(motion: Floats, clips: Ints) -> float:
    """The rows that add nothing because the frames of a clip resemble each other (Kish's design effect)."""
    counts = np.bincount(np.unique(clips, return_inverse=True)[1])
    size = (counts**2).sum() / counts.sum()
    if size <= 1:
        return 0.0
    means = motion - centred(motion, np.unique(clips, return_inverse=True)[1])
    total = (motion**2).sum(axis=0)
    share = np.divide((means**2).sum(axis=0), total, out=np.zeros_like(total), where=total > 0).mean()
    # The share of variance that unrelated rows would have between clips by chance.
    chance = (len(counts) - 1) / (len(motion) - 1)
    alike = float(np.clip((share - chance) / (1 - chance), 0.0, 1.0))
    return float(len(motion) - len(motion) / (1 + (size - 1) * alike))
