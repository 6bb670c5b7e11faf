"""Drawings: equal areas, clean edges, shapes of known area."""

from __future__ import annotations

import numpy as np
import pytest

from mask.sticker import art
from mask.sticker.draw import paint, shape


def test_there_are_six_drawings() -> None:
    assert art.names() == ("grey", "dot", "heart", "star", "sun", "plaster")


@pytest.mark.parametrize("name", art.names())
@pytest.mark.parametrize(("size", "within"), [(256, 0.002), (64, 0.004), (31, 0.01)])
def test_every_drawing_covers_the_same_area_at_every_size(name: str, size: int, within: float) -> None:
    assert art.load(name, size)[3].mean() == pytest.approx(art.FILL, abs=within)


@pytest.mark.parametrize("name", art.names())
def test_drawings_are_premultiplied_and_stay_in_their_canvas(name: str) -> None:
    picture = art.load(name)
    assert picture.dtype == np.float32
    assert picture.shape == (4, 512, 512)
    assert picture.min() >= 0
    assert picture.max() <= 1
    assert (picture[:3] <= picture[3] + 1e-6).all()
    rim = np.ones((512, 512), dtype=bool)
    rim[8:-8, 8:-8] = False
    assert not picture[3][rim].any()
    assert picture[3].max() == 1
    # Nearly every texel is either empty or opaque: what is in between is one texel wide.
    assert ((picture[3] > 0.01) & (picture[3] < 0.99)).mean() < 0.03


@pytest.mark.parametrize("name", art.names())
def test_drawings_look_the_same_at_half_the_size(name: str) -> None:
    large = art.load(name, 256).reshape(4, 128, 2, 128, 2).mean(axis=(2, 4))
    assert np.abs(large - art.load(name, 128)).mean() < 0.004


def test_grey_is_a_plain_square() -> None:
    picture = art.load("grey")
    side = 512 / np.sqrt(2)
    assert picture[3, 256].sum() == pytest.approx(side, abs=0.1)
    np.testing.assert_allclose(picture[:3, 256, 256], 128 / 255, atol=1e-3)


def test_drawings_are_read_only_and_drawn_once() -> None:
    assert art.load("heart") is art.load("heart")
    with pytest.raises(ValueError, match="read-only"):
        art.load("heart")[0, 0, 0] = 1


def test_unknown_drawings_and_sizes_are_told() -> None:
    with pytest.raises(ValueError, match="no sticker 'skull'; there are grey, dot"):
        art.load("skull")
    with pytest.raises(ValueError, match="8 to 2048"):
        art.load("heart", 100_000)


@pytest.mark.parametrize("size", [40, 200])
def test_shapes_have_their_known_areas(size: int) -> None:
    texel = (2 / size) ** 2

    def area(**kind: object) -> float:
        return float(paint([shape(colour="#ffffff", **kind)], size)[3].sum()) * texel  # type: ignore[arg-type]

    tolerance = 0.01 if size == 200 else 0.05
    assert area(points=[(0.1, -0.05)], radius=0.5) == pytest.approx(np.pi / 4, abs=tolerance)
    assert area(points=[(-0.4, 0.1), (0.4, -0.2)], radius=0.2, closed=False) == pytest.approx(
        np.hypot(0.8, 0.3) * 0.4 + np.pi * 0.04, abs=tolerance
    )
    square = [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)]
    assert area(points=square) == pytest.approx(1, abs=tolerance)
    assert area(points=square, radius=0.25) == pytest.approx(1 + 4 * 0.25 + np.pi / 16, abs=tolerance)
    assert area(points=square, opacity=0.5) == pytest.approx(0.5, abs=tolerance)


def test_edges_agree_with_supersampling() -> None:
    """Coverage from the distance to a straight edge is exact to first order: compare with 8 x 8 samples."""
    shapes = [shape([(-0.6, -0.5), (0.7, -0.3), (0.1, 0.8)], "#ff0000", 0.1)]
    fine = paint(shapes, 64 * 8).reshape(4, 64, 8, 64, 8).mean(axis=(2, 4))
    coarse = paint(shapes, 64)
    assert np.abs(fine - coarse).max() < 0.08
    assert np.abs(fine - coarse).mean() < 0.001


def test_later_shapes_lie_over_earlier_ones() -> None:
    half = [shape([(0, 0)], "#0000ff", 0.8), shape([(0, 0)], "#ff0000", 0.4, opacity=0.5)]
    np.testing.assert_allclose(paint(half, 64)[:, 32, 32], (0.5, 0, 0.5, 1), atol=1e-6)


def test_a_shape_outside_the_canvas_draws_nothing() -> None:
    assert not paint([shape([(5, 5), (6, 5), (6, 6)], "#ff0000", 0.1)], 32).any()
