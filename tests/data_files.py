"""Datasets as their makers ship them, made up row by row: annotation tables and folders of tiny pictures."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from openpyxl import Workbook
from PIL import Image

Rows = Sequence[Sequence[Any]]


def _coded(suffix: str, side: int = 12) -> bytes:
    stream = io.BytesIO()
    grey = np.linspace(0, 255, side * side, dtype=np.uint8).reshape(side, side)
    Image.fromarray(np.stack([grey] * 3, axis=-1)).save(stream, {"jpg": "JPEG", "png": "PNG", "bmp": "BMP"}[suffix])
    return stream.getvalue()


PICTURES = {suffix: _coded(suffix) for suffix in ("jpg", "png", "bmp")}


def pictures(folder: Path, numbers: Iterable[int], form: str = "img{}.jpg") -> Path:
    """Write tiny pictures of these numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        name = form.format(number)
        (folder / name).write_bytes(PICTURES[name.rsplit(".", 1)[1].lower()])
    return folder


def xlsx(path: Path, **sheets: Rows) -> Path:
    """Write sheets of rows; keyword names are sheet names with spaces for underscores."""
    path.parent.mkdir(parents=True, exist_ok=True)
    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name.replace("_", " "))
        for row in rows:
            sheet.append(list(row))
    book.save(path)
    return path


def xls(path: Path, rows: Rows) -> Path:
    """Write one sheet in the oldest Excel format (BIFF 2), which needs no container."""
    body = struct.pack("<HHHH", 0x0009, 4, 2, 0x0010)
    for r, row in enumerate(rows):
        for c, value in enumerate(row):
            place = struct.pack("<HH3x", r, c)
            if isinstance(value, int | float):
                body += struct.pack("<HH", 0x0003, 15) + place + struct.pack("<d", value)
            elif value:
                text = str(value).encode("latin-1")
                body += struct.pack("<HH", 0x0004, 8 + len(text)) + place + bytes([len(text)]) + text
    path.write_bytes(body + struct.pack("<HH", 0x000A, 0))
    return path


CASME2_HEADER = (
    *("Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None, "Action Units"),
    "Estimated Emotion",
)


def casme2(root: Path, rows: Rows, *, name: str = "CASME2-coding-20140508.xlsx", unpack: bool = True) -> Path:
    """CASME II of rows (subject, file, onset, apex, offset, units, emotion)."""
    table = [CASME2_HEADER, *((s, f, None, a, b, c, None, u, e) for s, f, a, b, c, u, e in rows)]
    xlsx(root / name, Sheet1=table)
    if unpack:
        for subject, file, onset, _, offset, *_ in rows:
            pictures(root / "CASME2_RAW_selected" / f"sub{int(subject):02d}" / file, range(onset, offset + 1))
    return root


SAMM_HEADER = (
    *("Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame", "Duration", "Micro"),
    *("Action Units", "Estimated Emotion", "Objective Classes", "Notes"),
)


def samm(root: Path, rows: Rows, *, unpack: bool = True) -> Path:
    """SAMM of rows (subject, file, onset, apex, offset, units, emotion, class); the header stands in line 14."""
    above = [["SAMM: codes"], [], ["Please cite", "Davison", "and others", "2018"], *([[]] * 10)]
    body = [(s, f, 1, a, b, c, c - a + 1, "Micro - 1/2", u, e, k, None) for s, f, a, b, c, u, e, k in rows]
    xlsx(root / "SAMM_Micro_FACS_Codes_v2.xlsx", MICRO_ONLY=[*above, SAMM_HEADER, *body])
    if unpack:
        for subject, file, onset, _, offset, *_ in rows:
            form = f"{int(subject):03d}_{{:05d}}.jpg"
            pictures(root / f"{int(subject):03d}" / file, range(onset, offset + 1), form)
    return root


def smic(root: Path, clips: Iterable[tuple[str, str, str]], camera: str = "HS", count: int = 3) -> Path:
    """SMIC as cut, of clips (subject, emotion, file)."""
    for subject, emotion, file in clips:
        folder = root / camera / subject / "micro" / emotion / file
        pictures(folder, range(500, 500 + count), "image{:06d}.bmp")
    return root
