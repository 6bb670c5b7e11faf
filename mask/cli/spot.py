"""``mask spot``."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mask import registry
from mask.cli.console import Progress, print_json, say, table
from mask.contracts import Recognizer
from mask.errors import UsageError
from mask.export import Exporter
from mask.files import write_bytes, write_json, write_text
from mask.runs import claim_folder, command_line, environment
from mask.spot import weights as saved
from mask.spot.baselines import BASELINES
from mask.spot.learn import TrainableSpotter
from mask.spot.motion import Motion
from mask.spot.plot import draw
from mask.spot.run import Found, check_emotions, find, scores
from mask.spot.spotter import Spotter
from mask.spot.video import LongVideos, from_file, long_videos
from mask.train import PROTOCOLS, held_out

SCHEMA = "mask.spotting/1"
_FILES = ("spotting.json", "intervals.csv", "spotting.png")
_COLUMNS = (
    *("video", "subject", "kind", "onset", "apex", "offset", "onset_s", "apex_s", "offset_s", "score", "emotion"),
    *("agrees_with_onset", "clip"),
)


def spot(
    spotter: str,
    files: Sequence[Path],
    data: str | None,
    out: Path,
    *,
    protocol: str | None,
    recognizer: str | None,
    seed: int,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Find the expressions in long videos; write them, their scores, a picture, and clips to go on with."""
    tool, reader = _named(spotter), None if recognizer is None else registry.create("recognizers", recognizer)
    chosen = next((p for p in PROTOCOLS if p == protocol), None)
    if protocol is not None and chosen is None:
        raise UsageError(f"--train is {protocol!r}; expected one of {', '.join(PROTOCOLS)}")
    if bool(files) == (data is not None):
        raise UsageError("give either --data SPEC or video files, not both")
    if chosen is None and isinstance(tool, TrainableSpotter):
        raise UsageError(
            f"{spotter} is not trained; give {tool.name}:weights=DIR, or --train loso with annotated videos"
        )
    if chosen is not None and (data is None or not isinstance(tool, TrainableSpotter)):
        raise UsageError("--train needs --data with annotated videos and a spotter that learns, without weights")
    dataset = None if data is None else registry.create("datasets", data)
    videos = LongVideos("video", tuple(map(from_file, files)), ()) if dataset is None else long_videos(dataset)
    _check(videos, tool, reader, training=chosen is not None)
    _claim(out, force)
    with Progress(quiet) as bar:
        seen: Iterator[Motion] = _watch(tool, videos, bar)
        if chosen is not None and dataset is not None and isinstance(tool, TrainableSpotter):
            known, folds = list(seen), held_out(dataset, chosen, seed)
            seen = iter(known)
            total = len(folds) * tool.epochs
            name = tool.name
            tool = saved.train(
                tool,
                videos,
                known,
                folds,
                seed=seed,
                out=out / "weights",
                progress=lambda n: bar(f"training {name}", n, total),
            )
            held = {s for fold in folds for s in fold}
            kept = [i for i, v in enumerate(videos.videos) if v.subject in held]
            seen = (known[i] for i in kept)
            videos = LongVideos(videos.name, tuple(videos.videos[i] for i in kept), videos.emotions, videos.card)
        found = list(find(tool, videos.videos, seen, reader))
        clips, spec = _write_clips(found, videos.emotions, out, bar)
    results = _results(tool, reader, videos, found, clips, seed)
    _write(results, found, clips, out)
    if as_json:
        print_json(results)
    else:
        _show(results, found, out, spec)


def _named(text: str) -> Spotter:
    if text in BASELINES:
        return BASELINES[text]()
    made = registry.create("recognizers", text)
    if not isinstance(made, Spotter):
        raise UsageError(
            f"{text} reads clips and finds none; a spotter is needed, such as softnet, me-tst or "
            f"{', '.join(BASELINES)}. With --recognizer it names the emotions of what another one spots"
        )
    return made


def _check(videos: LongVideos, tool: Spotter, reader: Recognizer | None, training: bool) -> None:
    if reader is not None:
        check_emotions(videos, reader.labels, reader.name)
    elif tool.emotions and not training:
        check_emotions(videos, tool.emotions, tool.name)


def _claim(out: Path, force: bool) -> None:
    """Take the folder; with `force`, first remove what an earlier run of this command wrote, and nothing else."""
    if force and (out / _FILES[0]).is_file():
        try:
            listed = json.loads((out / _FILES[0]).read_text(encoding="utf-8"))["videos"]
            names = [str(i["clip"]) for v in listed for i in v["intervals"] if i.get("clip")]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            names = []
        root = (out / "clips").resolve()
        ours = [p for n in names if (p := (out / n).resolve()).is_relative_to(root) and p.suffix == ".mkv"]
        weights = [out / "weights" / n for n in (saved.CARD, "training.json")]
        weights += list((out / "weights").glob("fold-*.safetensors"))
        for path in [*ours, *weights, out / "clips" / "annotations.csv", *(out / f for f in _FILES)]:
            path.unlink(missing_ok=True)
        for folder in sorted({p.parent for p in ours} | {root, out / "weights"}, reverse=True):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
    claim_folder(out, force=False)


def _watch(tool: Spotter, videos: LongVideos, bar: Progress) -> Iterator[Motion]:
    for number, video in enumerate(videos.videos, start=1):
        title = f"watching {number} of {len(videos.videos)}"
        yield tool.motion(video, lambda n, title=title: bar(title, n, None))  # type: ignore[misc]


def _write_clips(
    found: Sequence[Found], emotions: Sequence[str], out: Path, bar: Progress
) -> tuple[dict[tuple[str, int], str], str]:
    """The spotted clips as files: where each lies below `out`, and how to read them all; no spec without any."""
    total = sum(len(f.spotting.intervals) for f in found)
    if not total:
        return {}, ""
    folder = out / "clips"
    folder.mkdir(exist_ok=True)
    exporter = Exporter(folder, emotions)
    files = {}
    for one in found:
        for position in range(len(one.spotting.intervals)):
            files[one.video.key, position] = f"clips/{exporter.add(one.clip(position))}"
            bar("writing clips", 1, total)
    return files, exporter.finish()


def _results(
    tool: Spotter,
    reader: Recognizer | None,
    videos: LongVideos,
    found: Sequence[Found],
    clips: dict[tuple[str, int], str],
    seed: int,
) -> dict[str, Any]:
    annotated = [f for f in found if f.video.truth is not None]
    named = reader is not None or bool(tool.emotions)
    return {
        "schema": SCHEMA,
        "command": command_line(),
        "environment": environment(),
        "spotter": {**tool.card(), "span_s": tool.span, "flow": tool.flow, "share": tool.share},
        "recognizer": None if reader is None else reader.card(),
        "data": videos.name,
        "card": dict(videos.card),
        "seed": seed,
        "scores": scores(tool.name, annotated, videos.emotions if named else (), seed) if annotated else None,
        "videos": [_video(f, clips) for f in found],
    }


def _video(found: Found, clips: dict[tuple[str, int], str]) -> dict[str, Any]:
    video, spotting = found.video, found.spotting
    spotted = []
    for i, one in enumerate(spotting.intervals):
        true = found.annotated(i)
        agrees = None if true is None else true.onset
        told = {"onset": one.onset, "apex": one.apex, "offset": one.offset, "score": one.score, "emotion": one.emotion}
        spotted.append({**told, "agrees_with_onset": agrees, "clip": clips.get((video.key, i))})
    true_ones = [
        {"onset": t.onset, "apex": t.apex, "offset": t.offset, "emotion": t.emotion} for t in video.truth or ()
    ]
    return {
        "key": video.key,
        "subject": video.subject,
        "fps": video.fps,
        "frames": len(video),
        "threshold": spotting.threshold,
        "intervals": spotted,
        "annotated": None if video.truth is None else true_ones,
    }


def _write(results: dict[str, Any], found: Sequence[Found], clips: dict[tuple[str, int], str], out: Path) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for video in results["videos"]:
        for kind, listed in (("spotted", video["intervals"]), ("annotated", video["annotated"] or ())):
            for one in listed:
                seconds = {f"{t}_s": f"{one[t] / video['fps']:.4f}" for t in ("onset", "apex", "offset")}
                writer.writerow({"video": video["key"], "subject": video["subject"], "kind": kind, **one, **seconds})
    write_text(text.getvalue(), out / "intervals.csv")
    if found:
        write_bytes(draw(found, f"{results['spotter']['name']} on {results['data']}"), out / "spotting.png")
    write_json(results, out / "spotting.json")


def _show(results: dict[str, Any], found: Sequence[Found], out: Path, spec: str) -> None:
    count = sum(len(f.spotting.intervals) for f in found)
    say(f"{count} expressions spotted in {len(found)} videos of {results['data']}")
    if results["scores"]:
        header = ["", "true", "spotted", "TP", "F1", "95 %", "apex error", "recognition F1", "STRS", "95 %"]
        say(table([_line(name, s) for name, s in results["scores"].items()], header))
    else:
        rows = [
            [
                f.video.key,
                *(f"{t / f.video.fps:.2f}" for t in (i.onset, i.apex, i.offset)),
                f"{i.score:.3g}",
                i.emotion or "",
            ]
            for f in found
            for i in f.spotting.intervals
        ]
        say(table(rows, ["video", "onset s", "apex s", "offset s", "score", "emotion"]))
        say("Nobody annotated these videos. The threshold is relative: one without any expression has peaks too.")
    say(f"{out / 'spotting.json'}, {out / 'intervals.csv'}, {out / 'spotting.png'}")
    if spec:
        say(f"Read the clips with --data {spec}")


def _line(name: str, s: dict[str, Any]) -> list[str]:
    named = s["recognition"]
    return [
        *(name, f"{s['true']:g}", f"{s['spotted']:g}", f"{s['tp']:g}", f"{s['f1']:.4f}", _range(s["f1_ci95"])),
        "" if s["apex_error_ms"] is None else f"{s['apex_error_ms']:.0f} ms",
        *("" if named is None else f"{named['f1']:.4f}", "" if s["strs"] is None else f"{s['strs']:.4f}"),
        _range(s["strs_ci95"]),
    ]


def _range(interval: list[float] | None) -> str:
    return "" if interval is None else "[{:.3f}, {:.3f}]".format(*interval)
