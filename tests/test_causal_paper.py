"""The published recipe: against causal-learn itself, on images that have no answer, and on bad masks."""

from __future__ import annotations

import numpy as np
import pytest
from causallearn.search.ConstraintBased.PC import pc

from mask.causal.paper import FER_FALLBACK, noise_image, paper_null, paper_region

Array = np.ndarray


def boxes(count: int, size: int, rng: np.random.Generator, half: int = 4) -> Array:
    """Overlapping boxes, as the released rectangles around landmarks are."""
    masks = np.zeros((count, size, size), bool)
    for mask in masks:
        y, x = rng.integers(half, size - half, 2)
        mask[y - half : y + half, x - half : x + half] = True
    return masks


def released(image: Array, masks: Array, fallback: int) -> tuple[int, list[int], bool]:
    """The recipe written out: causal-learn's graph, the dictionary of arrows, the first of the largest."""
    table = np.stack([(image * m[..., None]).reshape(-1) for m in masks], axis=1).astype(float)
    graph = pc(table, 0.05, "fisherz", show_progress=False).G.graph
    leaving = [sum(graph[j, i] == 1 and graph[i, j] == -1 for j in range(len(masks))) for i in range(len(masks))]
    counts = {i: n for i, n in enumerate(leaving) if n}
    return (max(counts, key=counts.__getitem__), leaving, False) if counts else (fallback, leaving, True)


@pytest.mark.parametrize("seed", range(8))
def test_choice_is_the_released_codes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    masks = boxes(7, 28, rng, half=3 + seed % 4)
    image = noise_image((28, 28), rng, slope=float(seed % 3))
    choice = paper_region(image, masks, fallback=2)
    assert (choice.index, list(choice.out_degree), choice.fallback) == released(image, masks, 2)


def test_disjoint_masks_have_no_arrow_and_fall_back() -> None:
    """Every pair of disjoint boxes is dependent, so nothing is unshielded and nothing can be directed."""
    rng = np.random.default_rng(0)
    masks = np.zeros((14, 40, 40), bool)
    for i, mask in enumerate(masks):
        mask[(i // 4) * 10 : (i // 4) * 10 + 9, (i % 4) * 10 : (i % 4) * 10 + 9] = True
    choice = paper_region(noise_image((40, 40), rng), masks, FER_FALLBACK)
    assert (choice.index, choice.fallback, sum(choice.out_degree)) == (4, True, 0)
    assert len(choice.graph.edges) == 91
    null = paper_null((40, 40), masks, rng, 4)
    assert null.chosen[0] == 1.0
    assert null.fallback == 1.0


def test_on_noise_the_masks_decide() -> None:
    """White images, one layout: the recipe gives nearly always the same answer, and a confident one."""
    seen: list[int] = []
    null = paper_null((48, 48), boxes(14, 48, np.random.default_rng(3), 7), np.random.default_rng(0), 30, slope=0.0,
                      progress=seen.append)  # fmt: skip
    assert sum(null.chosen) == pytest.approx(1)
    assert max(null.chosen) > 3 / 14
    assert sum(seen) == null.draws == 30


def test_useless_masks_are_dropped_and_named() -> None:
    rng = np.random.default_rng(1)
    masks = boxes(6, 28, rng)
    masks[2] = False
    masks[4] = masks[1]
    choice = paper_region(noise_image((28, 28), rng), masks)
    assert {n.kind: n.what for n in choice.graph.notes} == {"constant": ("roi3",), "duplicate": ("roi5",)}
    assert choice.out_degree[2] == choice.out_degree[4] == 0


@pytest.mark.parametrize("picture", ["black", "tiny", "all empty"])
def test_nothing_to_see_falls_back_and_says_why(picture: str) -> None:
    image = np.zeros((20, 20, 3), np.uint8)
    masks = boxes(5, 20, np.random.default_rng(2))
    if picture == "all empty":
        image, masks = noise_image((20, 20), np.random.default_rng(2)), np.zeros((5, 20, 20), bool)
    if picture == "tiny":
        image, masks = np.full((1, 1, 3), 9, np.uint8), np.ones((5, 1, 1), bool)
    choice = paper_region(image, masks, 3)
    assert (choice.index, choice.fallback) == (3, True)
    assert choice.graph.notes[-1].kind == "samples"


@pytest.mark.parametrize(
    ("image", "masks", "fallback", "message"),
    [
        (np.zeros((8, 8, 3)), np.ones((2, 8, 8)), 0, "expected uint8"),
        (np.zeros((8, 8), np.uint8), np.ones((2, 8, 8)), 0, "expected uint8"),
        (np.zeros((8, 8, 3), np.uint8), np.ones((2, 9, 8)), 0, "expected \\(R, H, W\\)"),
        (np.zeros((8, 8, 3), np.uint8), np.ones((2, 8, 8)), 2, "expected 0 to 1"),
    ],
)
def test_bad_input_is_told(image: Array, masks: Array, fallback: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        paper_region(image, masks, fallback)
