"""Where stickers may be put, against brute force."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from matplotlib.path import Path as Outline

from mask.errors import InvalidPlan
from mask.geometry import BOX_MM
from mask.plan import Placement, Site, ThreatModel
from mask.regions import (
    Region,
    apertures,
    canonical,
    check_place,
    extent,
    footprint,
    load,
    outline,
    region_sites,
    sites,
)
from mask.regions.sites import APERTURE_SHARE, FACE_SHARE

MESH = load("mesh")
SPACES: tuple[Any, ...] = ("frames", "flow")


def threat(kinetics: Any, area: float = 0.046) -> ThreatModel:
    return ThreatModel(kinetics=kinetics, area=area)


@pytest.mark.parametrize(
    ("area", "cells", "count"), [(0.02, 4, 169), (0.046, 6, 144), (0.082, 8, 121), (0.032, 5, 144)]
)
def test_flow_sites_are_blocks_of_cells_on_every_second_cell(area: float, cells: int, count: int) -> None:
    found = sites(MESH, threat("overlay", area), "flow")
    corners = [(c, r) for r in range(0, 29 - cells, 2) for c in range(0, 29 - cells, 2)]
    assert len(found) == count == len(corners)
    for site, (column, row) in zip(found, corners, strict=True):
        assert site.x == pytest.approx((column + cells / 2) / 28)
        assert site.y == pytest.approx((row + cells / 2) / 28)
        block = footprint(Placement(site.x, site.y, area), "flow") * 28
        np.testing.assert_allclose(block[0], (column, row), atol=1e-9)
        np.testing.assert_allclose(block[2], (column + cells, row + cells), atol=1e-9)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("kinetics", ["skin", "overlay", "screen"])
def test_every_site_lies_in_the_box_and_is_named(space: Any, kinetics: Any) -> None:
    found = sites(MESH, threat(kinetics), space)
    assert len({(s.x, s.y) for s in found}) == len(found)
    assert list(found) == sorted(found, key=lambda s: (s.y, s.x))
    for site in found:
        corners = footprint(Placement(site.x, site.y, 0.046), space)
        assert corners.min() >= -1e-6
        assert corners.max() <= 1 + 1e-6
    assert tuple(s.region for s in found) == MESH.regions_at([(s.x, s.y) for s in found])


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("kinetics", ["skin", "overlay"])
def test_sites_are_symmetric_and_the_same_each_time(space: Any, kinetics: Any) -> None:
    found = sites(MESH, threat(kinetics), space)
    assert found == sites(load("mesh"), threat(kinetics), space)
    places = {(round(s.x, 5), round(s.y, 5)) for s in found}
    assert places == {(round(1 - x, 5), y) for x, y in places}


def test_frame_sites_are_equally_spaced_in_millimetres() -> None:
    found = sites(MESH, threat("overlay"), "frames", step=0.1)
    x, y = (np.unique([getattr(s, axis) for s in found]) for axis in ("x", "y"))
    assert len(x) * len(y) == len(found)
    np.testing.assert_allclose(np.diff(x) * BOX_MM[0], 0.1 * BOX_MM[0], atol=1e-3)
    np.testing.assert_allclose(np.diff(y) * BOX_MM[1], 0.1 * BOX_MM[0], atol=1e-3)
    assert 0.5 in x
    assert y[0] == pytest.approx(1 - y[-1], abs=1e-5)


def _covered(site: Site, area: float, space: Any, region: Region) -> tuple[float, float]:
    """How much of a sticker lies in a region, and how much of the region it covers, by sampling both."""
    corners = footprint(Placement(site.x, site.y, area), space)
    steps = (np.arange(40) + 0.5) / 40
    x, y = np.meshgrid(steps, steps)
    on_sticker = corners[0] + np.stack([x.ravel(), y.ravel()], axis=1) * (corners[2] - corners[0])
    outline_ = Outline(region.loops(canonical())[0])
    low, high = outline_.vertices.min(axis=0), outline_.vertices.max(axis=0)
    in_box = low + np.stack([x.ravel(), y.ravel()], axis=1) * (high - low)
    in_region = in_box[outline_.contains_points(in_box)]
    under = ((in_region >= corners[0]) & (in_region <= corners[2])).all(axis=1)
    return float(outline_.contains_points(on_sticker).mean()), float(under.mean())


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("area", [0.01, 0.046])
def test_skin_stickers_lie_on_the_face_and_leave_eyes_nostrils_and_mouth_free(space: Any, area: float) -> None:
    everywhere = sites(MESH, threat("overlay", area), space)
    allowed = {(s.x, s.y) for s in sites(MESH, threat("skin", area), space)}
    assert 10 < len(allowed) < len(everywhere)
    for site in everywhere[::2]:
        on_face = _covered(site, area, space, outline())[0]
        covered = max(_covered(site, area, space, opening)[1] for opening in apertures())
        if (site.x, site.y) in allowed:
            assert on_face > FACE_SHARE - 0.02
            assert covered < APERTURE_SHARE + 0.05
        if on_face < FACE_SHARE - 0.02 or covered > APERTURE_SHARE + 0.1:
            assert (site.x, site.y) not in allowed
        if on_face > 0.999 and not any(_covered(site, 1.25 * area, "frames", o)[1] for o in apertures()):
            # Nothing within two millimetres: there is no reason to refuse.
            assert (site.x, site.y) in allowed or space == "flow"


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("name", ["mesh", "au14"])
@pytest.mark.parametrize("kinetics", ["skin", "overlay"])
def test_region_sites_are_the_nearest(space: Any, name: str, kinetics: Any) -> None:
    scheme = load(name)
    found = region_sites(scheme, threat(kinetics, 0.02), space)
    places = sites(scheme, threat(kinetics, 0.02), space)
    width, height = extent(0.02, space)
    assert tuple(found) == scheme.names
    for region, (cx, cy) in zip(scheme.regions, scheme.box_centres(), strict=True):
        apart = {s: math.hypot((s.x - cx) * BOX_MM[0], (s.y - cy) * BOX_MM[1]) for s in places}
        site = found[region.name]
        if site is None:
            best = min(places, key=apart.__getitem__)
            opening = kinetics == "skin" and not region.skin
            assert opening or abs(best.x - cx) > width / 2 or abs(best.y - cy) > height / 2
        else:
            assert site.region == region.name
            chosen = next(s for s in places if (s.x, s.y) == (site.x, site.y))
            assert apart[chosen] <= min(apart.values()) + 0.1


# On the flow grid places are two cells apart, so only stickers of an even number of cells have mirrored places.
@pytest.mark.parametrize(
    ("space", "area"), [("frames", 0.01), ("frames", 0.02), ("frames", 0.046), ("flow", 0.02), ("flow", 0.046)]
)
@pytest.mark.parametrize("kinetics", ["skin", "overlay"])
def test_region_sites_are_symmetric(space: Any, area: float, kinetics: Any) -> None:
    found = region_sites(MESH, threat(kinetics, area), space)
    for name, left in found.items():
        right = found[name.replace("left", "right")]
        if left is None or right is None:
            assert left is right
        elif "left" in name:
            assert left.x == pytest.approx(1 - right.x, abs=1e-5)
            assert left.y == pytest.approx(right.y)


@pytest.mark.parametrize("space", SPACES)
def test_eyes_and_mouth_carry_no_sticker_on_the_skin(space: Any) -> None:
    found = region_sites(load("au14"), threat("skin", 0.01), space)
    assert [n for n in ("eye_left", "eye_right", "mouth") if found[n] is not None] == []
    assert found["cheek_left"] is not None
    assert region_sites(load("au14"), threat("overlay", 0.01), space)["eye_left"] is not None


def test_a_finer_step_comes_closer() -> None:
    wanted = MESH.box_centres()[MESH.names.index("chin")]
    near = region_sites(MESH, threat("skin", 0.01), "frames", step=0.01)["chin"]
    assert near is not None
    assert abs(near.x - wanted[0]) <= 0.005
    assert abs(near.y - wanted[1]) <= 0.005


@pytest.mark.parametrize("space", SPACES)
def test_what_cannot_be_put_anywhere_is_told(space: Any) -> None:
    with pytest.raises(InvalidPlan, match="smaller area"):
        sites(MESH, threat("skin", 0.3), space)
    with pytest.raises(ValueError, match="step is 0"):
        sites(MESH, threat("skin"), space, step=0)
    with pytest.raises(InvalidPlan, match="smaller area"):
        sites(MESH, threat("overlay", 0.95), "frames")
    with pytest.raises(InvalidPlan, match="cells wide"):
        sites(MESH, threat("overlay", 0.0001), "flow")


def test_a_footprint_is_square_in_millimetres_and_turns_clockwise() -> None:
    square = footprint(Placement(0.4, 0.5, 0.046), "frames") * BOX_MM
    side = math.sqrt(0.046 * BOX_MM[0] * BOX_MM[1])
    np.testing.assert_allclose(np.linalg.norm(np.diff(square, axis=0), axis=1), side)
    np.testing.assert_allclose(square.mean(axis=0), np.array([0.4, 0.5]) * BOX_MM)
    np.testing.assert_allclose(square[1] - square[0], (side, 0), atol=1e-9)
    turned = footprint(Placement(0.4, 0.5, 0.046, angle=90), "frames") * BOX_MM
    np.testing.assert_allclose(turned[1] - turned[0], (0, side), atol=1e-9)


def test_a_footprint_on_a_flow_map_is_whole_upright_cells_in_the_box() -> None:
    with pytest.raises(InvalidPlan, match="upright"):
        footprint(Placement(0.5, 0.5, 0.046, angle=10), "flow")
    with pytest.raises(InvalidPlan, match="outside the face box"):
        footprint(Placement(1.5, 0.5, 0.046), "flow")
    np.testing.assert_allclose(footprint(Placement(0.5, 0.5, 0.046, angle=180), "flow")[0] * 28, (11, 11))


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("kinetics", ["skin", "overlay", "screen"])
@pytest.mark.parametrize("area", [0.01, 0.046])
def test_check_place_lets_exactly_the_sites_through(space: Any, kinetics: Any, area: float) -> None:
    allowed = {(s.x, s.y) for s in sites(MESH, threat(kinetics, area), space)}
    for site in sites(MESH, threat("overlay", area), space):
        place = Placement(site.x, site.y, area)
        if (site.x, site.y) in allowed:
            check_place(place, kinetics, space)
        else:
            with pytest.raises(InvalidPlan, match="stuck on the skin"):
                check_place(place, kinetics, space)


def test_check_place_of_turned_stickers() -> None:
    left_eye = apertures()[0].loops(canonical())[0].mean(axis=0)
    for angle in (0.0, 30.0, 45.0, 90.0):
        check_place(Placement(*left_eye, area=0.01, angle=angle), "overlay", "frames")
        with pytest.raises(InvalidPlan, match="covers an eye"):
            check_place(Placement(*left_eye, area=0.01, angle=angle), "skin", "frames")
    forehead = Placement(0.5, 0.1, area=0.01)
    check_place(forehead, "skin", "frames")
    check_place(Placement(0.5, 0.1, area=0.01, angle=45), "skin", "frames")
    # A corner reaches out only when the square is turned.
    width = extent(0.01, "frames")[0]
    check_place(Placement(0.51 * width, 0.5, area=0.01), "overlay", "frames")
    with pytest.raises(InvalidPlan, match="out of the face box"):
        check_place(Placement(0.51 * width, 0.5, area=0.01, angle=45), "overlay", "frames")
