"""Speed of drawing stickers, beside PIL, OpenCV with numpy, and ART's adversarial patch, on one core.

``python -m benchmarks.bench_sticker`` prints the table. Times are CPU time, the least of several runs; every peer
runs in the same process on the same frames with a sticker of the same size.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from mask.plan import Placement, Plan, ThreatModel
from mask.regions import canonical, load, sites
from mask.sticker import Pose, art, flowspace, named, render_frame
from mask.sticker.render import composite

Row = dict[str, Any]
BATCH = 64
SIDE = 224
AREA = 0.046


def run() -> list[Row]:
    """Measure; one dictionary per comparison, times in milliseconds, ratio above 1 where ours is faster."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        with torch.no_grad():
            return [*_placements(), *_video_frame(), _flow_maps()]
    finally:
        torch.set_num_threads(threads)


def _least(work: Callable[[], Any], runs: int) -> float:
    work()
    best = math.inf
    for _ in range(runs):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best * 1000


def _row(what: str, ours: float, peer: float | None, peer_name: str, unit: str = "ms") -> Row:
    ratio = None if peer is None else peer / ours
    return {"what": what, "ours": ours, "peer": peer, "peer_name": peer_name, "ratio": ratio, "unit": unit}


def _poses(count: int, half: float, width: int, height: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(0)
    x, y = rng.uniform(half, width - half, count), rng.uniform(half, height - half, count)
    turn = rng.uniform(-0.35, 0.35, count)
    c, s = half * np.cos(turn), half * np.sin(turn)
    return np.stack([np.stack([c, -s, x], axis=1), np.stack([s, c, y], axis=1)], axis=1)


def _placements() -> list[Row]:
    """Candidate placements of one sticker on one 224 x 224 face crop, as a search renders them."""
    frame = np.random.default_rng(1).random((1, 3, SIDE, SIDE), dtype=np.float32)
    half = math.sqrt(AREA / art.FILL) * SIDE / 2
    poses = _poses(BATCH, half, SIDE, SIDE)
    one, where, heart = torch.from_numpy(frame), torch.from_numpy(poses).float(), named("heart")
    ours = _least(lambda: composite(one, heart, where), 15) / BATCH
    picture = np.clip(frame[0].transpose(1, 2, 0) * 255, 0, 255).astype(np.uint8)
    what = f"a placement at {SIDE} px, {BATCH} at a time"
    return [
        _row(what, ours, _art(frame), "ART 1.20.1 AdversarialPatchPyTorch"),
        _row(what, ours, _least(lambda: [_opencv(picture, p) for p in poses], 3) / BATCH, "cv2.warpAffine + numpy"),
        _row(what, ours, _least(lambda: [_pil(picture, p) for p in poses], 3) / BATCH, "PIL resize, rotate, paste"),
    ]


def _video_frame() -> list[Row]:
    """One sticker on one frame of 640 x 360 video, the pose worked out from the mesh included."""
    frame = np.random.default_rng(2).integers(0, 256, (360, 640, 3), dtype=np.uint8)
    mesh = canonical() * (180, 234) + (230, 60)
    pose = Pose(Placement(0.2, 0.45, AREA), Plan(Placement(0, 0, AREA)).kinetics, mesh)
    ours = _least(lambda: render_frame(frame, named("heart"), pose.at(mesh + 0.3)), 60)
    at = pose.at(mesh)
    what = "a sticker on a 640 x 360 video frame"
    return [
        _row(what, ours, _least(lambda: _opencv(frame, at), 20), "cv2.warpAffine + numpy"),
        _row(what, ours, _least(lambda: _pil(frame, at), 20), "PIL resize, rotate, paste"),
    ]


def _flow_maps() -> Row:
    """All places and motions of an audit on one flow map."""
    flow = np.random.default_rng(3).integers(0, 256, (28, 28, 3), dtype=np.uint8)
    threat = ThreatModel(kinetics="overlay", area=AREA)
    places = sites(load("mesh"), threat, "flow")
    plans = [Plan(Placement(s.x, s.y, AREA), m) for s in places for m in threat.motions()]
    ours = _least(lambda: flowspace.apply_many(flow, plans), 10)
    peer = _least(lambda: [_plain_flow(flow, p) for p in plans], 2)
    return _row(f"{len(plans)} plans on a 28 x 28 flow map", ours, peer, "numpy, one plan at a time")


def _opencv(frame: NDArray[np.uint8], pose: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The usual short way: warp the RGBA art onto the whole frame, and blend."""
    rgba = art.load("heart").transpose(1, 2, 0)
    size = rgba.shape[0]
    to_canvas = np.array([[2 / size, 0, 1 / size - 1], [0, 2 / size, 1 / size - 1], [0, 0, 1]])
    seen = cv2.warpAffine(np.ascontiguousarray(rgba), pose @ to_canvas, frame.shape[1::-1], flags=cv2.INTER_AREA)
    blended = frame * (1 - seen[..., 3:]) + 255 * seen[..., :3]
    return np.clip(np.rint(blended), 0, 255).astype(np.uint8)


def _pil(frame: NDArray[np.uint8], pose: NDArray[np.float64]) -> Image.Image:
    """Resize, rotate and paste with alpha; straight alpha, whole-pixel positions."""
    side = round(2 * math.hypot(pose[0, 0], pose[1, 0]))
    sticker = _pil_art().resize((side, side), Image.Resampling.LANCZOS)
    turn = -math.degrees(math.atan2(pose[1, 0], pose[0, 0]))
    sticker = sticker.rotate(turn, Image.Resampling.BICUBIC, expand=True)
    picture = Image.fromarray(frame)
    at = (round(pose[0, 2] - sticker.width / 2), round(pose[1, 2] - sticker.height / 2))
    picture.paste(sticker, at, sticker)
    return picture


def _pil_art() -> Image.Image:
    rgba = art.load("heart").transpose(1, 2, 0)
    alpha = np.maximum(rgba[..., 3:], 1e-6)
    straight = np.concatenate([rgba[..., :3] / alpha, rgba[..., 3:]], axis=2)
    return Image.fromarray((straight * 255).astype(np.uint8), "RGBA")


def _plain_flow(flow: NDArray[np.uint8], plan: Plan) -> NDArray[np.uint8]:
    column, row, side = round(plan.placement.x * 28 - 3), round(plan.placement.y * 28 - 3), 6
    out = flow.astype(np.float64)
    out[row : row + side, column : column + side, :2] = 127.5 + 127.5 * np.array(plan.kinetics.direction)
    out[row : row + side, column : column + side, 2] = 0
    low, high = out.min(axis=(0, 1)), out.max(axis=(0, 1))
    return np.rint((out - low) * (255 / np.maximum(high - low, 1e-12))).astype(np.uint8)


def _art(frame: NDArray[np.float32]) -> float | None:
    """ART's way of putting a patch on images, for images of the same size; `None` where ART is not installed."""
    try:
        # ART needs torchvision's Python part alone; beside a torch of another build the compiled part would not load.
        sys.modules.setdefault("torchvision._meta_registrations", ModuleType("torchvision._meta_registrations"))
        from art.attacks.evasion import AdversarialPatchPyTorch
        from art.estimators.classification import PyTorchClassifier
    except (ImportError, RuntimeError):
        return None
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * SIDE * SIDE, 2))
    classifier = PyTorchClassifier(
        model, torch.nn.CrossEntropyLoss(), (3, SIDE, SIDE), 2, clip_values=(0, 1), device_type="cpu"
    )
    patch = AdversarialPatchPyTorch(classifier, patch_shape=(3, SIDE, SIDE), rotation_max=20, verbose=False)
    batch = np.repeat(frame, BATCH, axis=0)
    return _least(lambda: patch.apply_patch(batch, scale=math.sqrt(AREA)), 3) / BATCH


def main() -> None:
    """Print the table."""
    print(f"{'what':<40} {'ours':>9} {'peer':>9} {'ratio':>7}  peer")
    for row in run():
        peer = "not run" if row["peer"] is None else f"{row['peer']:.3f}"
        ratio = "" if row["ratio"] is None else f"{row['ratio']:.1f}x"
        print(f"{row['what']:<40} {row['ours']:>6.3f} {row['unit']} {peer:>9} {ratio:>7}  {row['peer_name']}")


if __name__ == "__main__":
    main()
