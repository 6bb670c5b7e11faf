"""Reading a run's folder: ``results.json`` and ``clips.csv``, every value checked before anything is made of it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from mask.errors import UnreadableData, UsageError
from mask.results import read_results

from .clips import Clips, read_clips
from .model import Cell, Clean, Example, Facts, Lesson, Place, PlaceMap, Rate, Refilmed, Run, Scores, Threat, Versus
from .untrusted import Node

MAX_BYTES = {"results.json": 256 * 2**20, "clips.csv": 4 * 2**30}

MOST_GROUPS = 200
"""Combinations of recognizer, defence and kinetics of one run."""

MAX_PICTURE = 2**20
MAX_SIDE = 2048

T = TypeVar("T")


def read_run(folder: Path) -> Run:
    """Read a run's folder.

    Raises:
        UsageError: for a folder without ``results.json``, as that of an unfinished run.
        UnreadableData: when one of the files is too large or malformed; or when the run names no threat model, without
            which its numbers mean nothing.
    """
    results, table = folder / "results.json", folder / "clips.csv"
    if not results.is_file():
        raise UsageError(_unfinished(folder))
    for path in (results, table):
        if path.is_file() and path.stat().st_size > MAX_BYTES[path.name]:
            raise UnreadableData(
                f"{path} is larger than {MAX_BYTES[path.name] >> 20} MiB; it was not written by mask audit"
            )
    try:
        raw = read_results(results)
    except RecursionError as error:
        raise UnreadableData(f"{results} is nested too deeply; it was not written by mask audit") from error
    files = {p.name: _sha256(p) for p in (results, table) if p.is_file()}
    clips = read_clips(table) if table.is_file() else None
    return _run(folder.resolve().name, Node(raw, str(results)), files, clips)


def _unfinished(folder: Path) -> str:
    """Why a folder without ``results.json`` cannot be reported on."""
    if (folder / "run.json").is_file():
        done = sum(1 for _ in (folder / "cells").glob("*.json"))
        return (
            f"{folder} holds an unfinished run ({done} cells are done); start the same command again and it goes on "
            "where it stopped"
        )
    return f"{folder} holds no results.json; expected the folder of a finished audit"


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _run(folder: str, node: Node, files: Mapping[str, str], table: Clips | None) -> Run:
    emotions = node["emotions"].texts(64)
    if not emotions or len(set(emotions)) != len(emotions):
        node["emotions"].refuse("the names of one or more emotions, each once")
    access = {name: told.text() for name, told in node.get("access", {}).items()}
    cells = _all(node["cells"], lambda n: _cell(n, emotions, access))
    names = [c.key for c in cells]
    if len(set(names)) != len(names) or len({n[:3] for n in names}) > MOST_GROUPS:
        node["cells"].refuse(f"cells that differ in name, of at most {MOST_GROUPS} recognizers, defences and kinetics")
    threats = _all(node["threat_models"], _threat)
    _check_threats(node, threats, cells)
    return Run(
        folder=Node(folder, "folder").text(),
        files=files,
        command=node["command"].texts(),
        environment=node["environment"],
        data_name=node["data"]["name"].text(),
        data_card=node["data"]["card"],
        synthetic=node["data"]["synthetic"].flag() if "synthetic" in node["data"] else None,
        clips=node["data"]["n"].count(),
        subjects=node["subjects"].count(),
        emotions=emotions,
        discovery=node["discovery"].text(),
        recognizers=tuple(node["recognizers"].entries(100)),
        facts=_all(node.get("facts", []), _facts),
        threats=threats,
        attacks=_described(node.get("attacks", {})),
        defenses=_described(node.get("defenses", {})),
        surrogates=tuple(node["surrogates"].entries(100)) if "surrogates" in node else None,
        siblings=node["siblings"].flag() if "siblings" in node else None,
        scheme=node["scheme"].text(),
        step=node["step"].number(0, 1) if "step" in node else None,
        seed=node["seed"].count(),
        clean=_all(node["clean"], lambda n: _clean(n, emotions)),
        cells=cells,
        lessons=_all(node["evidence"], _lesson),
        maps=_all(node["maps"], _map),
        examples=_all(node["examples"], _example),
        not_tried=node["not_tried"].texts(100),
        table=table,
    )


def _check_threats(node: Node, threats: tuple[Threat, ...], cells: tuple[Cell, ...]) -> None:
    known = {t.kinetics for t in threats}
    without = [c for c in cells if c.kinetics not in known]
    if not threats or without:
        what = f"the {without[0].kinetics} cells" if threats else "its cells"
        raise UnreadableData(
            f"{node.place} names no threat model for {what}; a success rate means nothing without what the attacker "
            "was allowed, so there is no report. Run the audit again with this version of MASK"
        )


def _described(node: Node) -> dict[str, str]:
    return {name: told.text() for name, told in node.items()}


def _all(node: Node, read: Callable[[Node], T]) -> tuple[T, ...]:
    return tuple(read(entry) for entry in node.entries())


def _cell(node: Node, emotions: tuple[str, ...], access: Mapping[str, str]) -> Cell:
    versus = None
    if "vs_random" in node:
        told = node["vs_random"]
        p, holm = told["p"].share(), told["p_holm"].share()
        versus = Versus(told["n"].count(), told["difference"].number(-1, 1), p, holm)
    by_emotion = {name: _rate(n) for name, n in node["by_emotion"].items()}
    if set(by_emotion) != set(emotions):
        node["by_emotion"].refuse(f"a rate for each of {', '.join(emotions)}")
    return Cell(
        recognizer=node["recognizer"].text(),
        defense=node["defense"].text(),
        attack=node["attack"].text(),
        kinetics=node["kinetics"].text(),
        area=node["sticker_area"].share(),
        n=node["n"].count(),
        rate=_rate(node, "n_clean_correct"),
        by_subjects=node["asr_ci95_subjects"].interval_or_none(),
        error_rate=node["error_rate"].number_or_none(0, 1),
        attacked=_scores(node["attacked"]),
        leakage=node["attacked"]["leakage_bits"].number_or_none(0, 64),
        by_emotion=by_emotion,
        by_region={name: _rate(n) for name, n in node["by_region"].items()},
        unanswered=node["unanswered"].count(),
        invalid=node["invalid"].count(),
        abstained=node["abstained"].count(),
        queries_mean=node["queries_mean"].number(0),
        queries_max=node["queries_max"].count(),
        seconds=node["seconds"].number(0),
        versus=versus,
        access=access.get(node["attack"].text(), ""),
        refilmed=_refilmed(node["refilmed"]) if "refilmed" in node else None,
        retrained=node["retrained"]["leakage_bits"].number_or_none(0, 64) if "retrained" in node else None,
        anytime=tuple((n["queries"].count(), _rate(n)) for n in node.get("anytime", []).entries(20)),
    )


def _refilmed(node: Node) -> Refilmed:
    draws, wrong = node["draws"].count(), node["wrong"].count()
    if wrong > draws:
        node["wrong"].refuse(f"at most the {draws} draws")
    return Refilmed(
        plans=node["plans"].count(),
        draws=draws,
        wrong=wrong,
        value=node["asr"].share(),
        by_subjects=node["asr_ci95_subjects"].interval_or_none(),
    )


def _rate(node: Node, n: str = "n") -> Rate:
    tried, hits = node[n].count(), node["n_success"].count()
    if hits > tried:
        node["n_success"].refuse(f"at most the {tried} clips that were correct clean")
    return Rate(tried, hits, node["asr"].number_or_none(0, 1), node["asr_ci95"].interval())


def _scores(node: Node) -> Scores:
    return Scores(*(node[k].number_or_none(0, 1) for k in ("uf1", "uar", "accuracy")))


def _clean(node: Node, emotions: tuple[str, ...]) -> Clean:
    confusion = tuple(tuple(c.count() for c in row.entries()) for row in node["confusion"].entries())
    if len(confusion) != len(emotions) or any(len(row) != len(emotions) for row in confusion):
        node["confusion"].refuse(f"{len(emotions)} rows of {len(emotions)} counts")
    unanswered = tuple(c.count() for c in node["unanswered"].entries())
    if len(unanswered) != len(emotions):
        node["unanswered"].refuse(f"{len(emotions)} counts")
    return Clean(
        recognizer=node["recognizer"].text(),
        defense=node["defense"].text(),
        n=node["n"].count(),
        emotions=emotions,
        confusion=confusion,
        unanswered=unanswered,
        scores=_scores(node),
        intervals={k: node[f"{k}_ci95"].interval_or_none() for k in ("uf1", "uar", "accuracy")},
        majority_label=node["majority"]["label"].text(),
        majority=_scores(node["majority"]),
        leakage=node["leakage_bits"].number_or_none(0, 64),
        certified=node["certified"].share() if "certified" in node else None,
    )


def _facts(node: Node) -> Facts:
    if "error" in node:
        return Facts(node["recognizer"].text(), error=node["error"].text())
    return Facts(node["recognizer"].text(), node["deterministic"].flag(), node["differentiable"].flag())


def _threat(node: Node) -> Threat:
    return Threat(
        kinetics=node["kinetics"].text(),
        area=node["area"].share(),
        reach_mm=node["reach_mm"].number(0, 1000),
        directions=len(node["directions"].entries(100)),
        budget=node["budget"].count() if "budget" in node else None,
        knows_emotion=node["wearer_knows_emotion"].raw() is True,
        eps=node["eps"].count() if "eps" in node else None,
        slip_mm=node["slip_mm"].number(0, 1000) if "slip_mm" in node else None,
        height_mm=node["height_mm"].number(0, 1000) if "height_mm" in node else None,
        number=node["number"].count() if "number" in node else 1,
        regions=node.get("regions", []).texts(100),
    )


def _lesson(node: Node) -> Lesson:
    recognizer, attack, kinetics, attacked, summary = (
        node[k].text() for k in ("recognizer", "attack", "kinetics", "attacked", "summary")
    )
    return Lesson(recognizer, attack, kinetics, attacked, summary, node["data"])


def _map(node: Node) -> PlaceMap:
    places = tuple(
        Place(p["x"].share(), p["y"].share(), p["region"].text(), p["mean"].share(), p["best_motion"].share())
        for p in node["places"].entries()
    )
    return PlaceMap(
        recognizer=node["recognizer"].text(),
        defense=node["defense"].text(),
        attack=node["attack"].text(),
        kinetics=node["kinetics"].text(),
        n=node["n"].count(),
        random_exact=node["random_exact"].number_or_none(0, 1),
        places=places,
    )


def _example(node: Node) -> Example:
    frames = node.get("frames", [])
    return Example(
        recognizer=node["recognizer"].text(),
        attack=node["attack"].text(),
        kinetics=node["kinetics"].text(),
        clip=node["clip"].text(),
        emotion=node["emotion"].text(),
        before=node["clean_prediction"].text(),
        after=node["attacked_prediction"].text(),
        region=node["region"].text(),
        flow=tuple(_picture(n) for n in _pair(node["flow"])),
        frames=tuple(tuple(_picture(n) for n in _pair(pair)) for pair in (_pair(frames) if frames.raw() else ())),
    )


def _pair(node: Node) -> list[Node]:
    found = node.entries(2)
    if len(found) != 2:
        node.refuse("two of them, before and after")
    return found


def _picture(node: Node) -> str:
    """A data URI of what is certainly base64 and begins as a PNG of sane size; anything else is refused."""
    coded = node.raw()
    if not isinstance(coded, str) or len(coded) > MAX_PICTURE:
        node.refuse(f"a PNG picture in base64, of at most {MAX_PICTURE >> 10} KiB")
    try:
        data = base64.b64decode(coded, validate=True)
    except (binascii.Error, ValueError):
        node.refuse("a PNG picture in base64")
    if len(data) < 33 or data[:8] != b"\x89PNG\r\n\x1a\n" or data[12:16] != b"IHDR":
        node.refuse("a PNG picture in base64")
    width, height = struct.unpack(">II", data[16:24])
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        node.refuse(f"a picture of at most {MAX_SIDE} x {MAX_SIDE} pixels")
    return "data:image/png;base64," + base64.b64encode(data).decode()
