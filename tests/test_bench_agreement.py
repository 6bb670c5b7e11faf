"""What the table of said against seen flow is made of: zones, exact maps, other noise."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import bench_flow_agreement as bench
from mask import registry
from mask.clip import Clip
from mask.geometry import BOX_MM
from mask.plan import Kinetics, Placement, Plan


@pytest.fixture(scope="module")
def clips() -> tuple[Clip, Clip]:
    spec = "synthetic:subjects=1,repeats=1,size=128"
    loud, quiet = (registry.create("datasets", f"{spec}{more}") for more in ("", ",noise=0.0"))
    return loud.clips[0], quiet.clips[0]


def test_zones_are_the_cells_of_the_model_two_rings_and_the_rest() -> None:
    zone = bench.zones(Placement((4 + 3) / 28, (10 + 3) / 28, bench.AREA))
    assert (zone[10:16, 4:10] == bench.INSIDE).all()
    counts = [int((zone == z).sum()) for z in (bench.INSIDE, bench.BORDER, bench.OUTSIDE)]
    assert counts == [36, 64, 784 - 100]
    assert zone[8, 2] == bench.BORDER
    assert zone[7, 2] == bench.OUTSIDE


def test_zones_end_at_the_face_box() -> None:
    zone = bench.zones(Placement(3 / 28, 25 / 28, bench.AREA))
    assert [int((zone == z).sum()) for z in (bench.INSIDE, bench.BORDER)] == [36, 28]


def test_places_are_on_whole_cells_and_differ() -> None:
    at = bench.places()
    assert len({(p.x, p.y) for p in at}) == bench.PLACES
    for p in at:
        assert np.allclose(np.array([p.x, p.y]) * 28 - 3, np.rint(np.array([p.x, p.y]) * 28 - 3))


def test_the_exact_map_of_an_overlay_moves_by_what_the_plan_says(clips: tuple[Clip, Clip]) -> None:
    """Under the sticker the true flow is that of the skin sticker plus the reach, in pixels of the aligned face."""
    truth = bench.Exact(clips[0])
    place = bench.places()[3]
    skin, overlay = (Plan(place, k) for k in (Kinetics("skin"), Kinetics("overlay", (1.0, -1.0), 1.2)))
    flows = [truth.flow(p) for p in (skin, overlay)]
    under = truth.under(skin)
    assert under.mean() == pytest.approx(bench.AREA, rel=0.1)
    moved = (flows[1] - flows[0])[under]
    # The aligned face is a box of 137 x 178 mm squeezed into a square.
    expected = np.array([1.2, -1.2]) * bench.CROP / np.array(BOX_MM)
    np.testing.assert_allclose(moved, np.broadcast_to(expected, moved.shape), atol=0.08)
    np.testing.assert_array_equal(flows[0][~under], flows[1][~under])


def test_without_motion_against_the_skin_the_sticker_goes_with_it(clips: tuple[Clip, Clip]) -> None:
    truth = bench.Exact(clips[0])
    for place in bench.places():
        plan = Plan(place, Kinetics("skin"))
        under = truth.under(plan)
        apart = (truth.flow(plan) - truth.flow())[under]
        assert np.abs(apart.mean(axis=0)).max() < 0.25


def test_other_noise_is_as_strong_and_not_the_same(clips: tuple[Clip, Clip]) -> None:
    loud, quiet = clips
    other = bench.Regrained(loud, quiet)
    a, b, c = (x.astype(float) for x in (loud.frame(3), other[3], quiet.frame(3)))
    assert np.std(b - c) == pytest.approx(np.std(a - c), rel=0.05)
    assert abs(np.corrcoef((a - c).ravel(), (b - c).ravel())[0, 1]) < 0.1


def test_correlation_by_hand() -> None:
    assert bench.correlation(np.array([1.0, 2, 3]), np.array([2.0, 4, 6])) == 1
    assert bench.correlation(np.array([1.0, 2, 3]), np.array([3.0, 2, 1])) == -1
    assert bench.correlation(np.zeros(3), np.array([1.0, 2, 3])) is None
