"""Regions: the polygon rules against independent references, the schemes against anatomy and real flow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as Outline
from numpy.typing import NDArray

from mask.geometry import EYE_LINE, EYE_SPAN, face_box, transform
from mask.regions import SCHEMES, Region, apertures, canonical, load, mirror, outline
from mask.regions.polygon import centre, contains, cover, distance, fill

Corner = tuple[float, float]
# Corners on pixel centres as often as not: there the rule about edges matters.
corners = st.lists(
    st.tuples(st.floats(-3, 23) | st.integers(-3, 23), st.floats(-3, 18) | st.integers(-3, 18)), min_size=3, max_size=9
)


# --- polygons ---------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(corners)
def test_fill_agrees_with_contains_at_every_pixel(loop: list[Corner]) -> None:
    y, x = np.mgrid[:15, :20]
    expected = contains([loop], np.stack([x.ravel(), y.ravel()], axis=1)).reshape(15, 20)
    assert (fill([loop], (15, 20)) == expected).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.2, 9), min_size=3, max_size=12), st.floats(2, 12), st.floats(2, 12))
def test_fill_agrees_with_matplotlib_away_from_the_edge(radii: list[float], cx: float, cy: float) -> None:
    turn = 2 * np.pi * np.arange(len(radii)) / len(radii)
    loop = np.stack([cx + radii * np.cos(turn), cy + radii * np.sin(turn)], axis=1)
    y, x = np.mgrid[:15, :20]
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    clear = distance([loop], points) > 1e-6
    expected = Outline(loop).contains_points(points)
    assert (fill([loop], (15, 20)).ravel()[clear] == expected[clear]).all()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=6, unique=True))
def test_a_fan_of_triangles_tiles_its_square(middles: list[tuple[int, int]]) -> None:
    """Every pixel of a square lies in exactly one of the four triangles around any inner point."""
    for mx, my in middles:
        square = [(0.0, 0.0), (20.0, 0.0), (20.0, 20.0), (0.0, 20.0)]
        middle = (0.1 + mx / 3.1, 0.1 + my / 3.1)
        parts = [fill([[square[i], square[(i + 1) % 4], middle]], (24, 24)).astype(int) for i in range(4)]
        assert (np.sum(parts, axis=0) == fill([square], (24, 24))).all()
        assert fill([square], (24, 24)).sum() == 400


def test_fill_of_a_ring_leaves_the_hole_out() -> None:
    outer, inner = [(0, 0), (5, 0), (5, 5), (0, 5)], [(2, 2), (4, 2), (4, 4), (2, 4)]
    assert fill([outer, inner], (6, 6)).sum() == 25 - 4


def test_cover_is_the_share_of_each_cell() -> None:
    loop = [(-0.5, -0.5), (1.0, -0.5), (1.0, 0.75), (-0.5, 0.75)]
    expected = [[1, 0.5, 0], [0.25, 0.125, 0], [0, 0, 0]]
    np.testing.assert_allclose(cover([loop], (3, 3)), expected)


@settings(max_examples=30, deadline=None)
@given(st.tuples(st.floats(2, 12), st.floats(2, 12)), st.floats(0.5, 6), st.integers(3, 9))
def test_cover_sums_to_the_area(at: Corner, radius: float, sides: int) -> None:
    turn = 2 * np.pi * np.arange(sides) / sides
    loop = np.stack([14 + at[0] + radius * np.cos(turn), 14 + at[1] + radius * np.sin(turn)], axis=1)
    area = sides / 2 * radius**2 * np.sin(2 * np.pi / sides)
    assert cover([loop], (40, 40)).sum() == pytest.approx(area, abs=2 * np.pi * radius / 32)


def test_centre_and_distance_by_hand() -> None:
    triangle = np.array([(0.0, 0.0), (3.0, 0.0), (0.0, 3.0)])
    np.testing.assert_allclose(centre([triangle]), (1, 1))
    np.testing.assert_allclose(centre([triangle[::-1]]), (1, 1))
    # An L of two rectangles of areas 4 and 2.
    np.testing.assert_allclose(
        centre([[(0, 0), (4, 0), (4, 1), (0, 1)], [(0, 1), (1, 1), (1, 3), (0, 3)]]), (9 / 6, 6 / 6)
    )
    np.testing.assert_allclose(distance([triangle], [(1, 0.5), (-1, -1), (3, 3)]), [0.5, np.sqrt(2), np.sqrt(4.5)])


def test_a_polygon_without_area_has_the_middle_of_its_corners() -> None:
    np.testing.assert_allclose(centre([[(1, 1), (3, 1), (1, 1)]]), (5 / 3, 1))


# --- the average face -------------------------------------------------------------------------------------------


def test_the_average_face_is_symmetric_and_defines_the_box() -> None:
    points, other = canonical(), mirror()
    assert points.shape == (468, 2)
    assert sorted(other) == list(range(468))
    assert (other[other] == np.arange(468)).all()
    np.testing.assert_allclose(points[other], points * (-1, 1) + (1, 0), atol=2e-3)
    box = face_box(points * (1, 1.3))
    np.testing.assert_allclose(box.to_image, [[1, 0, 0], [0, 1.3, 0]], atol=2e-3)
    eyes = points[[33, 133, 362, 263]]
    assert eyes[:, 1].mean() == pytest.approx(EYE_LINE, abs=2e-3)
    assert eyes[2:, 0].mean() - eyes[:2, 0].mean() == pytest.approx(EYE_SPAN, abs=2e-3)


def test_callers_cannot_change_the_average_face() -> None:
    canonical()[:] = 0
    mirror()[:] = 0
    assert canonical().any()
    assert mirror().any()


# --- schemes ----------------------------------------------------------------------------------------------------


def _as_mirrored(region: Region) -> set[frozenset[tuple[int, int]]]:
    """The undirected edges of each polygon, with every vertex replaced by its mirror image."""
    other = mirror()
    return {_edges([int(other[v]) for v in loop]) for loop in region.polygons}


def _edges(loop: Sequence[int]) -> frozenset[tuple[int, int]]:
    return frozenset((min(a, b), max(a, b)) for a, b in zip(loop, [*loop[1:], loop[0]], strict=True))


@pytest.mark.parametrize("name", SCHEMES)
def test_a_scheme_states_where_it_comes_from(name: str) -> None:
    scheme = load(name)
    assert scheme.name == name
    assert scheme.licence
    assert scheme.source
    assert len(set(scheme.names)) == len(scheme.names)
    for region in scheme.regions:
        assert all(0 <= v < 468 for loop in region.polygons for v in loop)
        assert all(len(set(loop)) == len(loop) >= 3 for loop in region.polygons)
        assert region.action_units
        assert all(unit.startswith("AU") for unit in region.action_units)


@pytest.mark.parametrize("regions", [load(n).regions for n in SCHEMES] + [(*apertures(), outline())])
def test_left_and_right_are_mirror_images(regions: tuple[Region, ...]) -> None:
    by_name = {r.name: r for r in regions}
    for region in regions:
        partner = by_name[region.name.replace("left", "*").replace("right", "left").replace("*", "right")]
        assert {_edges(loop) for loop in partner.polygons} == _as_mirrored(region)
        assert partner.action_units == region.action_units
        middle = centre(region.loops(canonical()))[0]
        side = "left" if middle < 0.49 else "right" if middle > 0.51 else "centre"
        assert region.side == side


def test_au14_is_numbered_as_published() -> None:
    assert load("au14").names == (
        "brow_outer_left",
        "brow_inner_left",
        "brow_inner_right",
        "brow_outer_right",
        "eye_left",
        "glabella",
        "eye_right",
        "cheek_left",
        "cheek_right",
        "mouth_corner_left",
        "philtrum",
        "mouth_corner_right",
        "mouth",
        "chin",
    )


@pytest.mark.parametrize("name", SCHEMES)
def test_regions_do_not_overlap_and_leave_openings_out(name: str) -> None:
    scheme = load(name)
    assert scheme.box_masks(28).sum(axis=0).max() == 1
    # Closed lips touch: there the mesh may cross itself by less than a pixel.
    assert (scheme.box_masks(420).sum(axis=0) > 1).sum() <= 4
    fine = canonical() * 420 - 0.5
    openings = np.any([fill(a.loops(fine), (420, 420)) for a in apertures()], axis=0)
    for region, mask in zip(scheme.regions, scheme.box_masks(420), strict=True):
        if region.skin:
            assert (mask & openings).sum() <= 4
        else:
            assert (mask & openings).sum() > 100
    face = fill(outline().loops(fine), (420, 420))
    assert not (scheme.box_masks(420).any(axis=0) & ~face).any()


@pytest.mark.parametrize("name", SCHEMES)
def test_box_coverage_averages_the_masks(name: str) -> None:
    scheme = load(name)
    share = scheme.box_coverage(14)
    assert share.shape == (len(scheme.regions), 14, 14)
    fine = scheme.box_masks(14 * 16).reshape(-1, 14, 16, 14, 16).mean(axis=(2, 4))
    np.testing.assert_array_equal(share, fine)
    assert share.sum(axis=0).max() <= 1 + 1e-9
    assert (scheme.box_masks(28).reshape(len(share), -1).sum(axis=1) >= 4).all(), "a region too small to be measured"


@pytest.mark.parametrize("name", SCHEMES)
def test_region_at_agrees_with_the_masks(name: str) -> None:
    scheme = load(name)
    masks = scheme.box_masks(28)
    inside = np.argwhere(masks)
    points = (inside[:, :0:-1] + 0.5) / 28
    assert scheme.regions_at(points) == tuple(scheme.names[i] for i in inside[:, 0])


def test_a_point_in_no_region_belongs_to_the_nearest() -> None:
    scheme = load("mesh")
    eye = canonical()[[159, 145]].mean(axis=0)
    assert scheme.region_at(*eye) in ("under_eye_left", "brow_outer_left", "brow_inner_left")
    assert scheme.region_at(0.5, 0.99) == "chin"
    assert scheme.region_at(0.0, 0.0) == "forehead"


def test_masks_follow_the_face_in_a_picture(rng: np.random.Generator) -> None:
    scheme = load("mesh")
    turn = np.array([[180.0, 30.0, 70.0], [-25.0, 230.0, 60.0]])
    mesh = transform(turn, canonical())
    masks = scheme.masks(mesh, (340, 330))
    assert masks.shape == (len(scheme.regions), 340, 330)
    middles = np.array([np.argwhere(m).mean(axis=0)[::-1] for m in masks])
    np.testing.assert_allclose(middles, transform(turn, scheme.box_centres()), atol=0.5)
    np.testing.assert_allclose(scheme.centres(mesh), transform(turn, scheme.box_centres()), atol=1e-9)
    areas = np.abs(np.linalg.det(turn[:, :2])) * scheme.box_masks(420).mean(axis=(1, 2))
    assert scheme.names[0] == "forehead", "which reaches beyond the box"
    np.testing.assert_allclose(masks.sum(axis=(1, 2))[1:], areas[1:], rtol=0.05, atol=20)


def test_regions_lie_where_real_flow_shows_them() -> None:
    """Rows of the 28 x 28 grid, read off the published MEGC2019 maps."""
    centres = dict(zip(load("mesh").names, load("mesh").box_centres() * 28 - 0.5, strict=True))
    for brow in ("brow_outer_left", "brow_inner_left", "brow_inner_right", "brow_outer_right"):
        assert 3 <= centres[brow][1] <= 6
    assert 9 <= centres["nose"][1] <= 15
    assert 15 <= centres["mouth_corner_left"][1] <= 19.5
    assert 21 <= centres["chin"][1] <= 25
    eyes = load("au14").box_centres()[[4, 6], 1] * 28 - 0.5
    assert ((eyes > 6.5) & (eyes < 8)).all()


def test_unknown_names_and_bad_landmarks_are_told() -> None:
    with pytest.raises(ValueError, match="au14, mesh"):
        load("emfacs")
    with pytest.raises(ValueError, match="no region 'ear' in mesh"):
        load("mesh")["ear"]
    with pytest.raises(ValueError, match="expected \\(468, 2\\)"):
        load("mesh").masks(np.zeros((68, 2)), (10, 10))
    with pytest.raises(ValueError, match="not finite"):
        load("mesh").masks(np.full((468, 2), np.nan), (10, 10))


# --- real flow --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def strain(megc: Path) -> dict[int, NDArray[np.float64]]:
    """Mean optical strain by label, 0 negative, 1 positive, 2 surprise, over the published flow maps."""
    found: dict[int, list[NDArray[np.float64]]] = {0: [], 1: [], 2: []}
    for path in sorted((megc / "norm_u_v_os").glob("*/u_test/*/*.png")):
        picture = cv2.imread(str(path))
        assert picture is not None
        found[int(path.parent.name)].append(picture[:, :, 0].astype(np.float64))
    return {label: np.mean(maps, axis=0) for label, maps in found.items()}


@pytest.mark.shared
@pytest.mark.parametrize("name", SCHEMES)
def test_surprise_shows_in_the_brows_and_smiles_around_the_mouth(
    strain: dict[int, NDArray[np.float64]], name: str
) -> None:
    scheme = load(name)
    share = scheme.box_coverage()
    mean = {
        label: dict(zip(scheme.names, (share * m).sum(axis=(1, 2)) / share.sum(axis=(1, 2)), strict=True))
        for label, m in strain.items()
    }
    surprise = sorted(mean[2], key=mean[2].__getitem__, reverse=True)
    assert set(surprise[:4]) == {n for n in scheme.names if n.startswith("brow_")}
    for region in (r for r in scheme.names if r.startswith(("mouth_corner", "nasolabial", "cheek"))):
        assert mean[1][region] > mean[2][region]
    smile = max(mean[1], key=mean[1].__getitem__)
    assert smile.startswith("mouth_corner")
