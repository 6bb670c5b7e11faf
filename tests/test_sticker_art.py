"""Drawings: equal areas, clean edges, shapes of known area."""

from __future__ import annotations

import numpy as np
import pytest

from mask.sticker import art
from mask.sticker.draw import paint, shape


def test_there_are_seven_drawings() -> None:
    assert art.names() == ("grey", "dot", "heart", "star", "sun", "plaster", "stripes", "bars")


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


def test_stripes_are_six_dark_bars_of_half_the_square_and_nothing_changes_along_them() -> None:
    picture = art.load("stripes")
    inside = picture[:, :, 84:428]
    assert np.ptp(inside, axis=2).max() < 1e-6
    luma = np.array([0.299, 0.587, 0.114]) @ inside[:3, 76:436, 0]
    dark = luma < 0.5
    assert (np.diff(dark.astype(int)) == 1).sum() + int(dark[0]) == 6
    assert dark.mean() == pytest.approx(0.5, abs=0.03)
    assert np.ptp(luma) > 0.8
    # The stripes are listed from the top and the bars from the left, so one is the other, transposed.
    np.testing.assert_allclose(art.load("bars"), picture.transpose(0, 2, 1), atol=1e-6)


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


def cells(count: int, seed: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, (count, count, 3), dtype=np.uint8)


@pytest.mark.parametrize("count", [2, 5, 16])
@pytest.mark.parametrize("size", [512, 96, 31])
def test_tiles_are_drawn_where_they_are_named(count: int, size: int) -> None:
    colours = cells(count)
    picture = art.load(art.tiles(colours), size)
    assert picture[3].mean() == pytest.approx(art.FILL, abs=1e-5)
    assert (picture[:3] <= picture[3] + 1e-6).all()
    side = size / np.sqrt(2)
    middles = ((size - side) / 2 + side / count * (np.arange(count) + 0.5)).astype(int)
    if side / count > 2:
        shown = picture[:3][:, middles[:, None], middles].transpose(1, 2, 0)
        np.testing.assert_allclose(shown, colours / 255, atol=1e-5)
    # Averaging what is drawn large gives what is drawn small: coverage is exact.
    large = art.load(art.tiles(colours), 4 * size).reshape(4, size, 4, size, 4).mean(axis=(2, 4))
    np.testing.assert_allclose(large, picture, atol=1e-5)


@pytest.mark.parametrize("name", art.PATTERNED)
def test_a_drawing_patterned_in_its_own_colour_is_the_drawing(name: str) -> None:
    under, mask, over = art.layers(name, 128)
    plain = art.load(name, 128)
    row, column = np.argwhere((mask == 1) & (over[3] == 0))[0]
    own = np.ones((4, 1, 1), dtype=np.float32) * plain[:, row, column][:, None, None]
    np.testing.assert_allclose(art.fill_in((under, mask, over), own), plain, atol=1e-6)


def test_a_patterned_drawing_keeps_its_outline_and_shows_its_tiles() -> None:
    colours = cells(4)
    picture, plain = art.load(art.tiles(colours, "heart"), 256), art.load("heart", 256)
    np.testing.assert_allclose(picture[3], plain[3], atol=1e-6)
    assert picture[3].mean() == pytest.approx(art.FILL, abs=0.005)
    np.testing.assert_allclose(picture[:3, 160, 160], colours[2, 2] / 255, atol=1e-5)
    assert (picture[:3] <= picture[3] + 1e-6).all()
    assert art.tiles(colours, "heart").startswith("heart:tiles:4:")


def test_the_first_tile_is_top_left() -> None:
    colours = np.zeros((3, 3, 3), dtype=np.uint8)
    colours[0, 2] = (255, 0, 0)
    red = art.load(art.tiles(colours), 64)[0]
    row, column = np.unravel_index(red.argmax(), red.shape)
    assert row < 32 < column


@pytest.mark.parametrize(
    "name",
    [
        "tiles:",
        "tiles:2:",
        "tiles:2:" + "0" * 23,
        "tiles:2:" + "0" * 25,
        "tiles:2:" + "g" * 24,
        "tiles:2:" + "A" * 24,
        "tiles:02:" + "0" * 24,
        "tiles:1:" + "0" * 6,
        "tiles:17:" + "0" * (6 * 289),
        "tiles:99:" + "0" * 24,
        "tiles:-2:" + "0" * 24,
        "tiles:\u0662:" + "0" * 24,
        "tiles:2:" + "0" * 24 + "\n",
        " tiles:2:" + "0" * 24,
        "tiles:2:" + "0 " * 12,
        "plaster:tiles:2:" + "0" * 24,
        "heart:heart:tiles:2:" + "0" * 24,
        "heart:tiles:2:" + "0" * 23,
        "heart:",
    ],
)
def test_text_that_names_no_tiles_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"names no tiles|no sticker"):
        art.load(name)


def test_colours_that_are_no_tiles_are_refused() -> None:
    for wrong in (cells(17), cells(1), cells(4)[:3], cells(4).astype(float), cells(4)[0]):
        with pytest.raises(ValueError, match="expected uint8"):
            art.tiles(wrong)  # type: ignore[arg-type]
