"""The published recipe, faithfully: which region of one image has the most arrows leaving it.

Tan et al. (ICASSP 2025) place the sticker on the region of largest out-degree in a graph that PC finds. As released,
the rows are the values of a single image, H * W * 3 of them; each of the 14 columns is that image with everything
outside one region set to zero; the test is Fisher-z at 0.05; only ``-->`` edges count; the first of equals wins; and
when no edge is directed, a fixed region is returned (the first, in the script for micro-expressions; the fifth, in
the one for FER2013). This module does just that, through code that gives causal-learn's graph mark by mark.

What it is worth: with so many rows every correlation is significant, and what correlates is the shape of the masks.
`paper_null` measures that: it applies the recipe to images with nothing in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mask.contracts import Progress, quiet

from .discover import discover
from .graph import Graph, Note
from .guards import TooFewSamples
from .variables import noise_fields

ALPHA = 0.05

RELEASED_FALLBACK = 0
"""Where the released micro-expression script looks when no edge is directed: its first region."""

FER_FALLBACK = 4
"""Where the released FER2013 script looks: its fifth region."""


@dataclass(frozen=True)
class PaperChoice:
    """The recipe's choice for one image.

    Args:
        index: the region chosen, counted from 0.
        out_degree: arrows leaving each region.
        fallback: whether no edge was directed, so that `index` is the fixed one and says nothing of the image.
        graph: nodes ``roi1``, ``roi2``, ... or the names given; its notes say which masks were of no use.
    """

    index: int
    out_degree: tuple[int, ...]
    fallback: bool
    graph: Graph


@dataclass(frozen=True)
class PaperNull:
    """The recipe's choices on images without content.

    Args:
        draws: how many images.
        chosen: for each region, the share of images for which it was chosen.
        fallback: share of images for which that was the fallback.
    """

    draws: int
    chosen: tuple[float, ...]
    fallback: float


def paper_region(
    image: ArrayLike, masks: ArrayLike, fallback: int = RELEASED_FALLBACK, *, names: Sequence[str] | None = None
) -> PaperChoice:
    """Choose a region of one image as the released code does.

    Args:
        image: ``uint8 (H, W, 3)``.
        masks: ``bool (R, H, W)``, the regions; 14 in the paper.
        fallback: the region to return when no edge is directed.
        names: R names, for the graph.

    Raises:
        ValueError: for shapes that do not fit, or a fallback that is no region.

    >>> masks = np.zeros((3, 8, 8), bool); masks[0, :3, :3] = masks[1, 4:, :4] = masks[2, 4:, 4:] = True
    >>> choice = paper_region(np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8), masks)
    >>> choice.index, choice.fallback
    (0, True)
    """
    picture, where = np.asarray(image), np.asarray(masks, dtype=bool)
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(f"the image is {picture.dtype} {picture.shape}; expected uint8 (H, W, 3)")
    if where.ndim != 3 or where.shape[1:] != picture.shape[:2]:
        raise ValueError(f"the masks are {where.shape} and the image {picture.shape}; expected (R, H, W)")
    if not 0 <= fallback < len(where):
        raise ValueError(f"the fallback is region {fallback} of {len(where)}; expected 0 to {len(where) - 1}")
    labels = [f"roi{i + 1}" for i in range(len(where))] if names is None else list(names)
    columns = (where[..., None] * picture).reshape(len(where), -1).T.astype(np.float64)
    graph = _search(columns, labels)
    leaving = tuple(graph.out_degree().values())
    directed = max(leaving, default=0) > 0
    return PaperChoice(leaving.index(max(leaving)) if directed else fallback, leaving, not directed, graph)


def paper_null(
    shape: tuple[int, int],
    masks: ArrayLike,
    rng: np.random.Generator,
    n: int = 100,
    *,
    fallback: int = RELEASED_FALLBACK,
    slope: float = 1.0,
    progress: Progress = quiet,
) -> PaperNull:
    """Apply the recipe to images with nothing in them.

    Args:
        shape: (H, W) of the images.
        masks: ``bool (R, H, W)``.
        rng: the source of randomness.
        n: how many images.
        fallback: as for `paper_region`.
        slope: the images' amplitude spectrum falls as ``frequency ** -slope``; 0 is white noise, 1 is roughly that
            of natural pictures.
        progress: told of each image.
    """
    counts = np.zeros(len(np.asarray(masks)), dtype=np.int64)
    fallbacks = 0
    for _ in range(n):
        choice = paper_region(noise_image(shape, rng, slope), masks, fallback)
        counts[choice.index] += 1
        fallbacks += choice.fallback
        progress(1)
    return PaperNull(n, tuple(float(c) / max(1, n) for c in counts), fallbacks / max(1, n))


def noise_image(shape: tuple[int, int], rng: np.random.Generator, slope: float = 1.0) -> NDArray[np.uint8]:
    """An image of noise, ``uint8 (H, W, 3)``, mean 128 and standard deviation 40, clipped."""
    planes = noise_fields(2, shape, rng, slope=slope)
    values = np.concatenate([planes[0], planes[1, :, :, :1]], axis=-1)
    return np.asarray(np.clip(np.rint(128 + 40 * values), 0, 255), dtype=np.uint8)


def _search(columns: NDArray[np.float64], labels: Sequence[str]) -> Graph:
    try:
        return discover(columns, labels, "fast-pc", ALPHA)
    except TooFewSamples as error:
        return Graph(tuple(labels), (), (Note("samples", (), str(error)),))
