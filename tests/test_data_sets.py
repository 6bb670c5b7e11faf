"""Every quirk of every set, in a row made up to carry it. docs/datasets.md lists them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mask import registry
from mask.clip import Clip, Dataset
from mask.data._build import UnusableData
from mask.errors import UnreadableData, UnreadableVideo, UsageError

from .data_files import CASME2_HEADER, PICTURES, SAMM_HEADER, casme2, pictures, samm, smic, xls, xlsx

ROWS = [
    ("01", "EP02_01f", 46, 59, 86, 12, "happiness"),
    ("02", "EP11_01", 16, 40, 60, "1+L2", "surprise"),
    ("02", "EP01_11f", 46, 60, 80, 15, "repression"),
]


def load(name: str, root: Path, **options: Any) -> Dataset:
    return registry.create("datasets", ",".join([f"{name}:{root}", *(f"{k}={v}" for k, v in options.items())]))


def by_file(dataset: Dataset) -> dict[str, Clip]:
    return {c.key.split("/")[2]: c for c in dataset}


def numbers(clip: Clip) -> list[str]:
    return [p.name for p in clip.frames.sources]  # type: ignore[union-attr]


def test_a_set_is_read_as_annotated(tmp_path: Path) -> None:
    dataset = load("casme2", casme2(tmp_path, ROWS))
    clip = dataset.clips[0]
    assert [c.key for c in dataset] == [
        "casme2/sub01/EP02_01f/46",
        "casme2/sub02/EP11_01/16",
        "casme2/sub02/EP01_11f/46",
    ]
    assert (clip.subject, clip.emotion, clip.dataset, clip.fps) == ("sub01", "positive", "casme2", 200)
    assert (clip.onset, clip.apex, clip.offset, clip.action_units) == (0, 13, 40, ("AU12",))
    assert [numbers(clip)[i] for i in (0, 13, 40)] == ["img46.jpg", "img59.jpg", "img86.jpg"]
    assert clip.frame(13).shape == (12, 12, 3)
    assert dataset.emotions == ("negative", "positive", "surprise")
    assert dataset.card["apex"] == {"asked": "midpoint", "annotated": 3, "midpoint": [], "spotted": []}
    assert dataset.card["action_units"] == {"AU1": 1, "AU2": 1, "AU12": 1, "AU15": 1}


def test_nothing_is_written_into_the_folder(tmp_path: Path) -> None:
    casme2(tmp_path, ROWS)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    dataset = load("casme2", tmp_path)
    _ = [c.frame(i) for c in dataset for i in (c.onset, c.apex)]
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == before


def test_the_cache_may_not_lie_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASK_CACHE", str(tmp_path / "cache"))
    with pytest.raises(UsageError, match="inside the dataset's folder"):
        load("casme2", casme2(tmp_path, ROWS))


def test_frames_are_read_lazily_and_can_be_sent_to_another_process(tmp_path: Path) -> None:
    dataset = load("casme2", casme2(tmp_path, ROWS))
    clip = dataset.clips[0]
    (tmp_path / "CASME2_RAW_selected/sub01/EP02_01f/img50.jpg").write_bytes(b"damaged after it was listed")
    assert np.array_equal(pickle.loads(pickle.dumps(clip)).frame(0), clip.frame(0))
    with pytest.raises(UnreadableVideo, match=r"img50\.jpg is not a readable picture"):
        clip.frame(4)
    assert len(clip.frames or ()) == 41


def test_pictures_of_one_clip_have_one_size(tmp_path: Path) -> None:
    folder = casme2(tmp_path, ROWS) / "CASME2_RAW_selected/sub01/EP02_01f"
    from .data_files import _coded

    (folder / "img60.jpg").write_bytes(_coded("jpg", side=20))
    with pytest.raises(UnreadableVideo, match="20 x 20 pixels and the first picture of its clip 12 x 12"):
        load("casme2", tmp_path).clips[0].frame(14)


# Subjects and files


@pytest.mark.parametrize("subject", ["01", 1, "1", "sub01", " 1 "])
def test_a_subject_is_one_person_however_it_is_written(tmp_path: Path, subject: Any) -> None:
    xlsx(tmp_path / "CASME2-coding.xlsx", a=[CASME2_HEADER, _row(subject, "EP02_01f", 1, 2, 3, 12, "happiness"), LAST])
    pictures(tmp_path / "Cropped/sub01/EP02_01f", range(1, 4), "reg_img{}.jpg")
    pictures(tmp_path / "Cropped/sub09/EP01", range(1, 4), "reg_img{}.jpg")
    assert load("casme2", tmp_path).clips[0].key == "casme2/sub01/EP02_01f/1"


def _row(s: Any, f: Any, a: Any, b: Any, c: Any, u: Any, e: Any) -> list[Any]:
    return [s, f, None, a, b, c, None, u, e]


LAST = _row(9, "EP01", 1, 2, 3, 4, "disgust")


@pytest.mark.parametrize("folder", ["sub1/ep02_01f", "SUB01/EP02_01F", "sub01/EP2_1f"])
def test_folders_are_found_in_other_case_and_without_zeros(tmp_path: Path, folder: str) -> None:
    casme2(tmp_path, ROWS, unpack=False)
    pictures(tmp_path / folder, range(46, 87))
    pictures(tmp_path / "sub02/EP11_01", range(16, 61))
    assert len(load("casme2", tmp_path)) == 2


def test_two_folders_that_are_alike_are_not_guessed_between(tmp_path: Path) -> None:
    casme2(tmp_path, ROWS)
    base = tmp_path / "CASME2_RAW_selected/sub01"
    (base / "EP02_01f").rename(base / "EP02_1f")
    pictures(base / "EP2_01f", range(46, 87))
    dataset = load("casme2", tmp_path)
    assert dataset.card["missing"] == ["casme2/sub01/EP02_01f/46: there is no folder sub01/EP02_01f"]


def test_a_row_listed_twice_counts_once_and_another_onset_is_another_clip(tmp_path: Path) -> None:
    rows = [*ROWS, ROWS[0], ("01", "EP02_01f", 50, 59, 86, 12, "happiness")]
    dataset = load("casme2", casme2(tmp_path, rows))
    assert [c.key for c in dataset if c.subject == "sub01"] == ["casme2/sub01/EP02_01f/46", "casme2/sub01/EP02_01f/50"]
    assert dataset.card["skipped"] == ["line 5: casme2/sub01/EP02_01f/46 is listed twice; the first is used"]


def test_remarks_below_the_table_are_no_clips(tmp_path: Path) -> None:
    casme2(tmp_path, ROWS)
    xlsx(tmp_path / "CASME2-coding-20140508.xlsx", a=[CASME2_HEADER, *(_row(*r) for r in ROWS), [], ["see the paper"]])
    assert load("casme2", tmp_path).card["skipped"] == ["line 6: it has no subject or no file name; taken as a remark"]


# Onset, apex, offset


@pytest.mark.parametrize("apex", ["/", None, "", "NaN", 0, -1, "?"])
def test_a_missing_apex_is_the_midpoint_and_said(tmp_path: Path, apex: Any) -> None:
    dataset = load("casme2", casme2(tmp_path, [("04", "EP12_01f", 261, apex, 321, "4+7", "disgust"), *ROWS]))
    assert dataset.clips[0].apex == 30
    assert dataset.card["apex"]["midpoint"] == ["casme2/sub04/EP12_01f/261"]
    assert dataset.card["apex"]["annotated"] == 3


def test_an_apex_that_is_no_number_is_missing_and_said(tmp_path: Path) -> None:
    card = load("casme2", casme2(tmp_path, [("04", "E", 1, "later", 9, 4, "disgust"), *ROWS])).card
    assert card["adjusted"] == ["casme2/sub04/E/1: apex 'later' is not a frame number"]


@pytest.mark.parametrize("apex", [1060, 1200])
def test_an_apex_outside_its_clip_is_not_used(tmp_path: Path, apex: int) -> None:
    rows = [
        ("028", "028_4_1", 1071, apex, 1134, "14", "Contempt", "VII"),
        ("006", "006_1_2", 1, 2, 3, "12", "Happiness", "I"),
    ]
    dataset = load("samm", samm(tmp_path, rows))
    assert dataset.card["apex"]["midpoint"] == ["samm/028/028_4_1/1071"]
    assert dataset.card["adjusted"] == [
        f"samm/028/028_4_1/1071: apex {apex} lies outside onset 1071 to offset 1134 and is not used"
    ]


def test_an_apex_at_the_onset_is_kept_and_said(tmp_path: Path) -> None:
    dataset = load("casme2", casme2(tmp_path, [("05", "EP09_05f", 69, 69, 123, "R2+15", "disgust"), *ROWS]))
    assert dataset.clips[0].apex == 0
    assert "there is no motion between them" in dataset.card["adjusted"][0]


@pytest.mark.parametrize("offset", [0, None, "/", 40])
def test_without_an_offset_the_clip_ends_at_its_apex(tmp_path: Path, offset: Any) -> None:
    casme2(tmp_path, [*ROWS, ("05", "EP19_03", 46, 60, 90, 4, "disgust")])
    xlsx(
        tmp_path / "CASME2-coding-20140508.xlsx",
        a=[CASME2_HEADER, *(_row(*r) for r in ROWS), _row("05", "EP19_03", 46, 60, offset, 4, "disgust")],
    )
    dataset = load("casme2", tmp_path)
    assert (dataset.clips[-1].apex, dataset.clips[-1].offset) == (14, 14)
    assert "the clip ends at its apex 60" in dataset.card["adjusted"][0]


def test_a_clip_without_an_interval_is_skipped(tmp_path: Path) -> None:
    rows = [*ROWS, ("05", "A", 46, None, 46, 4, "disgust")]
    casme2(tmp_path, rows)
    body = [_row(*r) for r in ROWS]
    body += [_row("05", "A", 46, 30, 20, 4, "disgust"), _row("05", "A", None, 30, 90, 4, "disgust")]
    xlsx(tmp_path / "CASME2-coding-20140508.xlsx", a=[CASME2_HEADER, *body])
    assert load("casme2", tmp_path).card["skipped"] == [
        "line 5: casme2/sub05/A/46: offset 20 does not follow onset 46, and no apex does either",
        "line 6: casme2/sub05/A/start: it has no onset frame",
    ]


# Pictures


def test_pictures_that_are_missing_in_the_set_itself_move_the_ends(tmp_path: Path) -> None:
    casme2(tmp_path, ROWS)
    folder = tmp_path / "CASME2_RAW_selected/sub01/EP02_01f"
    for number in (46, 47, 59, 70, 86):
        (folder / f"img{number}.jpg").unlink()
    dataset = load("casme2", tmp_path)
    clip = dataset.clips[0]
    assert [numbers(clip)[i] for i in (0, clip.apex, clip.offset)] == ["img48.jpg", "img58.jpg", "img85.jpg"]
    assert [note.partition(": ")[2] for note in dataset.card["adjusted"]] == [
        "onset picture 46 is not there; the clip begins at 48",
        "offset picture 86 is not there; the clip ends at 85",
        "2 pictures in between are not there",
        "apex picture 59 is not there; 58 is used",
    ]


def test_a_clip_of_which_most_is_missing_is_not_used(tmp_path: Path) -> None:
    casme2(tmp_path, ROWS)
    for number in range(50, 87):
        (tmp_path / f"CASME2_RAW_selected/sub01/EP02_01f/img{number}.jpg").unlink()
    assert load("casme2", tmp_path).card["missing"] == [
        "casme2/sub01/EP02_01f/46: 4 of the 41 pictures 46 to 86 are there (the folder has 46 to 49)"
    ]


def test_pictures_numbered_anew_are_taken_in_order(tmp_path: Path) -> None:
    casme2(tmp_path, ROWS, unpack=False)
    pictures(tmp_path / "sub01/EP02_01f", range(1, 42), "{}.png")
    pictures(tmp_path / "sub02/EP11_01", range(1, 46), "{:03d}.png")
    dataset = load("casme2", tmp_path)
    assert numbers(dataset.clips[0])[dataset.clips[0].apex] == "14.png"
    assert numbers(dataset.clips[1])[dataset.clips[1].apex] == "025.png"
    assert "the pictures are numbered 1 to 41; taken in order, the first as 46" in dataset.card["adjusted"][0]


def test_other_files_among_the_pictures_do_not_count(tmp_path: Path) -> None:
    folder = casme2(tmp_path, ROWS) / "CASME2_RAW_selected/sub01/EP02_01f"
    for name in ("Thumbs.db", ".img47.jpg", "._img48.jpg", "notes 50.txt", "cover.jpg"):
        (folder / name).write_bytes(b"x")
    assert numbers(load("casme2", tmp_path).clips[0]) == [f"img{n}.jpg" for n in range(46, 87)]


@pytest.mark.parametrize(
    ("suffix", "raw", "problem"),
    [
        ("jpg", b"", "is empty"),
        ("jpg", PICTURES["jpg"][:-40], "breaks off"),
        ("jpg", PICTURES["png"][:-20], "breaks off"),
        ("jpg", PICTURES["bmp"][:-1], "breaks off"),
        ("jpg", b"<html>please log in</html>", "is not a PNG, JPEG or BMP picture"),
    ],
)
def test_a_download_that_broke_off_is_seen_without_decoding(
    tmp_path: Path, suffix: str, raw: bytes, problem: str
) -> None:
    casme2(tmp_path, ROWS)
    (tmp_path / f"CASME2_RAW_selected/sub01/EP02_01f/img59.{suffix}").write_bytes(raw)
    (line,) = load("casme2", tmp_path).card["missing"]
    assert line.endswith(f"CASME2_RAW_selected/sub01/EP02_01f/img59.jpg {problem}; fetch it anew")


def test_uncut_pictures_go_before_cropped_ones_unless_asked(tmp_path: Path) -> None:
    casme2(tmp_path, ROWS)
    for subject, file, onset, _, offset, *_ in ROWS:
        pictures(tmp_path / f"Cropped/sub{subject}/{file}", range(onset, offset + 1), "reg_img{}.jpg")
    assert load("casme2", tmp_path).card["frames"] == {"used": ["CASME2_RAW_selected"], "also": ["Cropped"]}
    cropped = load("casme2", tmp_path, frames="cropped")
    assert numbers(cropped.clips[0])[0] == "reg_img46.jpg"
    with pytest.raises(UsageError, match="there are CASME2_RAW_selected, Cropped"):
        load("casme2", tmp_path, frames="nonesuch")


def test_cropped_pictures_are_taken_where_there_are_no_others(tmp_path: Path) -> None:
    rows = [("006", "006_1_2", 1, 2, 3, "12", "Happiness", "I"), ("007", "007_3_1", 1, 2, 3, "4", "Anger", "III")]
    samm(tmp_path, rows)
    (tmp_path / "SAMM").mkdir()
    for name in ("006", "007"):
        (tmp_path / name).rename(tmp_path / "SAMM" / name)
    for subject, file, *_ in rows:
        pictures(tmp_path / f"A_SAMM_CROP/{subject}/{file}", range(1, 4), f"{subject}_{{:05d}}.jpg")
    assert load("samm", tmp_path).card["frames"] == {"used": ["SAMM"], "also": ["A_SAMM_CROP"]}
    (tmp_path / "SAMM").rename(tmp_path.with_name(f"{tmp_path.name}-away"))
    assert load("samm", tmp_path).card["frames"]["used"] == ["A_SAMM_CROP"]


def test_the_whole_recording_does_as_well_as_the_cut_clip(tmp_path: Path) -> None:
    casme2(tmp_path, ROWS, unpack=False)
    for subject, file, *_ in ROWS:
        pictures(tmp_path / f"CASME2_RAW/CASME2-RAW/sub{subject}/{file}", range(1, 120))
    assert [len(c.frames or ()) for c in load("casme2", tmp_path)] == [41, 45, 35]


# The annotation file


def test_the_newest_version_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    casme2(tmp_path, ROWS)
    casme2(tmp_path, [(*ROWS[0][:3], 60, *ROWS[0][4:]), *ROWS[1:]], name="CASME2-coding-20190701.xlsx", unpack=False)
    newest = load("casme2", tmp_path)
    assert newest.clips[0].apex == 14
    assert newest.card["annotations"] == {
        "used": "CASME2-coding-20190701.xlsx",
        "also": ["CASME2-coding-20140508.xlsx"],
    }
    assert load("casme2", tmp_path, table="CASME2-coding-20140508.xlsx").clips[0].apex == 13


def test_a_table_elsewhere_may_be_named(tmp_path: Path) -> None:
    casme2(tmp_path / "set", ROWS)
    (tmp_path / "set/CASME2-coding-20140508.xlsx").rename(tmp_path / "codes.xlsx")
    assert len(load("casme2", tmp_path / "set", table=tmp_path / "codes.xlsx")) == 3
    with pytest.raises(UnreadableData, match="there is no annotation file codes2"):
        load("casme2", tmp_path / "set", table="codes2.xlsx")


@pytest.mark.parametrize(
    "name", ["casme", "casme2", "samm", "smic", "casme-sq", "casme3", "mmew", "4dme", "dfme", "samm-long"]
)
def test_a_wrong_root_says_what_to_do(tmp_path: Path, name: str) -> None:
    (tmp_path / "readme.txt").write_text("nothing here\n")
    with pytest.raises(UnreadableData, match=r"unpacked into|table without header|emotions"):
        load(name, tmp_path)
    with pytest.raises(UnreadableData, match=r"does not exist; give the folder"):
        load(name, tmp_path / "nowhere")
    with pytest.raises(UnreadableData, match=r"is a file; give the folder"):
        load(name, tmp_path / "readme.txt")


def test_a_wrong_version_of_the_table_says_what_it_has(tmp_path: Path) -> None:
    casme2(tmp_path, ROWS)
    xlsx(tmp_path / "CASME2-coding-20140508.xlsx", a=[["Subject", "Clip", "Label"], ["1", "EP02_01f", "happy"]])
    with pytest.raises(UnreadableData) as caught:
        load("casme2", tmp_path)
    for words in ("Filename, OnsetFrame", "CASME2-coding-20140508.xlsx has Subject, Clip, Label", "table="):
        assert words in str(caught.value)


def test_the_table_of_another_set_is_not_taken_for_this_one(tmp_path: Path) -> None:
    pictures(tmp_path / "HS/s1/negative", [1])
    with pytest.raises(UnreadableData, match=r"SMIC-HS-E_annotation\.xlsx"):
        load("smic", tmp_path)


def test_one_class_cannot_be_told_from_another(tmp_path: Path) -> None:
    with pytest.raises(UnusableData, match=r"all 1 usable clips of .* are 'negative'.*leaves out 1"):
        load("casme2", casme2(tmp_path, [ROWS[2], ("01", "E", 1, 2, 3, 4, "others")]))


def test_a_set_without_pictures_carries_its_report(tmp_path: Path) -> None:
    with pytest.raises(
        UnusableData, match=r"none of the 3 annotated clips.*no folder like CASME2_RAW_selected"
    ) as caught:
        load("casme2", casme2(tmp_path, ROWS, unpack=False))
    assert len(caught.value.card["missing"]) == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"classes": 6}, "casme2 has 3, 4, 5, 7, native, objective"),
        ({"apex": "guess"}, "expected midpoint or spotted"),
        ({"fixes": "mine"}, "expected none or meb"),
        ({"colour": "red"}, "no parameter 'colour'"),
    ],
)
def test_an_option_that_does_not_exist_says_which_do(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        load("casme2", casme2(tmp_path, ROWS), **options)


# Labels


def test_labels_by_name_and_what_they_leave_out(tmp_path: Path) -> None:
    rows = [
        *ROWS,
        ("03", "A", 1, 2, 3, 4, " Others"),
        ("03", "B", 1, 2, 3, 20, "Fear"),
        ("03", "C", 1, 2, 3, 1, "sadness"),
    ]
    casme2(tmp_path, rows)
    three, five = load("casme2", tmp_path), load("casme2", tmp_path, classes=5)
    assert [c.emotion for c in three] == ["positive", "surprise", "negative", "negative", "negative"]
    assert three.card["dropped"] == {"others": 1}
    assert [c.emotion for c in five] == ["happiness", "surprise", "repression", "others"]
    assert five.card["dropped"] == {"fear": 1, "sadness": 1}
    assert load("casme2", tmp_path, classes="native").card["dropped"] == {}


def test_objective_classes_come_from_their_file_or_from_the_action_units(tmp_path: Path) -> None:
    casme2(tmp_path, ROWS)
    assert [c.emotion for c in load("casme2", tmp_path, classes="objective")] == ["I", "II", "V"]
    xlsx(
        tmp_path / "CASME2-ObjectiveClasses.xlsx",
        a=[["Subject", "Filename", "Objective Class"], [2, "EP11_01", 4], [1, "x", 3]],
    )
    dataset = load("casme2", tmp_path, classes="objective")
    assert [c.emotion for c in dataset] == ["I", "IV", "V"]
    assert dataset.card["objective"] == {"from action units": 2, "annotated": 1}


def test_action_units_that_are_not_understood_are_said(tmp_path: Path) -> None:
    dataset = load("casme2", casme2(tmp_path, [("05", "EP05_03", 1, 2, 3, "?", "disgust"), *ROWS]))
    assert dataset.clips[0].action_units == ()
    assert dataset.card["adjusted"] == ["casme2/sub05/EP05_03/1: action units '?' are not understood"]


# Corrections


def test_published_corrections_are_optional_and_listed(tmp_path: Path) -> None:
    rows = [
        ("04", "EP12_01f", 261, "/", 321, "4+7", "disgust"),
        ("07", "EP06_01", 15, 49, 68, "4+38", "others"),
        ("12", "EP09_02", 16, 59, 101, "4+7", "disgust"),
        *ROWS,
    ]
    casme2(tmp_path, rows)
    pictures(tmp_path / "CASME2_RAW_selected/sub07/EP06_01", range(69, 92))
    plain = load("casme2", tmp_path, classes="native")
    fixed = load("casme2", tmp_path, classes="native", fixes="meb")
    assert [(c.apex, c.offset) for c in plain.clips[:3]] == [(30, 60), (34, 53), (43, 85)]
    assert [(c.apex, c.offset) for c in fixed.clips[:3]] == [(18, 60), (63, 76), (43, 85)]
    assert plain.card["fixes"] == {"asked": "none"}
    assert fixed.card["fixes"]["applied"] == [
        "sub07/EP06_01: offset 68 -> 91",
        "sub04/EP12_01f: apex None -> 279",
        "sub07/EP06_01: apex 49 -> 78",
    ]
    assert "sub12/EP09_02: apex 187 lies outside 16 to 101" in fixed.card["fixes"]["not applied"]


def test_corrections_of_samm_settle_its_alternatives(tmp_path: Path) -> None:
    rows = [
        ("014", "014_5_2", 469, 498, 557, "R12 or L14", "Contempt", "VII"),
        ("032", "032_3_1", 4896, 4890, 4970, "4", "Anger", "III"),
        ("006", "006_1_2", 1, 2, 3, "12", "Happiness", "I"),
    ]
    samm(tmp_path, rows)
    assert load("samm", tmp_path).clips[0].action_units == ("R12?", "L14?")
    fixed = load("samm", tmp_path, fixes="meb")
    assert fixed.clips[0].action_units == ("R14",)
    assert fixed.clips[1].apex == 4945 - 4896


def test_corrections_counted_by_row_need_a_table_of_that_length(tmp_path: Path) -> None:
    header = ["sub_ID", "fold_name", "Emotion", "Onset", "Apex", "Offset", "AUs"]
    body = [[f"S{i:02d}", f"c{i}", ("Positive", "Negative")[i % 2], 1, 2, 3, i % 40 + 1] for i in range(267)]
    for row in body:
        pictures(tmp_path / f"gray_micro/{row[0]}/{row[1]}", range(1, 4), "{}.jpg")
    path = tmp_path / "4DME_Labelling_Micro_release v1.xlsx"
    xlsx(path, a=[header, *body])
    units = [c.action_units for c in load("4dme", tmp_path)]
    fixed = [c.action_units for c in load("4dme", tmp_path, fixes="meb")]
    assert (fixed[144], fixed[145]) == (units[145], units[144])
    assert fixed[:144] + fixed[146:] == units[:144] + units[146:]
    xlsx(path, a=[header, *body[:-1]])
    told = load("4dme", tmp_path, fixes="meb").card["fixes"]
    assert told["applied"] == []
    assert told["not applied"][0] == "row 144: the table has 266 clips, MEB's 267"


def test_a_set_without_published_corrections_says_so(tmp_path: Path) -> None:
    root = smic(tmp_path, [("s1", "negative", "s1_ne_01"), ("s1", "positive", "s1_po_01")])
    assert load("smic", root, fixes="meb").card["fixes"]["not applied"] == ["MEB publishes no correction of smic"]


# One set after the other


def test_casme_has_two_apexes_and_numbers_after_a_dash(tmp_path: Path) -> None:
    header = ["Subject", "Filename", None, "OnsetF", "ApexF1", "ApexF2", "OffsetF", None, "AU", "Emotion"]
    body = [
        [1, "EP01_5", None, 113, 120, 125, 130, None, "9", "disgust"],
        [2, "EP07_1", None, 1, 4, None, 9, None, "5", "Surprise"],
    ]
    xlsx(tmp_path / "CASME.xlsx", a=[header, *body])
    pictures(tmp_path / "CASME_raw_selected/sub01/EP01_5", range(113, 131), "EP01_5-{}.jpg")
    pictures(tmp_path / "CASME_raw_selected/sub02/EP07_1", range(1, 10), "reg_EP07_1-{:03d}.jpg")
    dataset = load("casme", tmp_path)
    assert [(c.apex, c.offset, c.fps) for c in dataset] == [(7, 17, 60), (3, 8, 60)]


def test_samm_has_its_header_below_a_text_and_pictures_named_in_two_ways(tmp_path: Path) -> None:
    rows = [
        ("006", "006_1_2", 5562, 5588, 5632, "4+7C", "Anger", "III"),
        (13, "013_1_12", 706, 739, 802, "10A/B", "Disgust", "IV"),
        ("025", "025_4_1", 1, 2, 3, "12", "Other", "I"),
        ("026", "026_1_1", 1, 2, 3, "ref(7B)+43", "Others", "VII"),
        ("7", "007_6_1", 1, 5, 9, "12", "Happiness", "I"),
    ]
    samm(tmp_path, rows)
    for path in sorted((tmp_path / "013/013_1_12").iterdir()):
        path.rename(path.with_name(f"013_{int(path.stem[4:]):04d}.jpg"))
    dataset = load("samm", tmp_path)
    assert [c.subject for c in dataset] == ["006", "013", "007"]
    assert dataset.card["dropped"] == {"others": 2}
    assert by_file(dataset)["013_1_12"].action_units == ("AU10AB?",)
    assert [c.emotion for c in load("samm", tmp_path, classes="objective")] == ["III", "IV", "I", "I"]


def test_grey_pictures_are_three_equal_channels(tmp_path: Path) -> None:
    rows = [("006", "006_1_2", 1, 2, 3, "12", "Happiness", "I"), ("007", "007_3_1", 1, 2, 3, "4", "Anger", "III")]
    samm(tmp_path, rows)
    for path in (tmp_path / "006/006_1_2").iterdir():
        Image.effect_noise((16, 14), 40).save(path)
    frame = load("samm", tmp_path).clips[0].frame(1)
    assert frame.shape == (14, 16, 3)
    assert frame.std() > 10
    assert (frame == frame[..., :1]).all()


def test_samm_as_csv_with_numbers_that_lost_their_zeros(tmp_path: Path) -> None:
    samm(
        tmp_path,
        [("006", "006_1_2", 1, 2, 3, "12", "Happiness", "I"), ("007", "007_3_1", 1, 2, 3, "4", "Anger", "III")],
    )
    (tmp_path / "SAMM_Micro_FACS_Codes_v2.xlsx").unlink()
    lines = [SAMM_HEADER, ["6.0", "006_1_2 ", 1, "1.0", "2.0", "3.0", 3, "", "12.0", " happiness", "I", ""]]
    lines += [["7", "007_3_1", 1, 1, 2, 3, 3, "", "4", "Anger", "III", ""]]
    (tmp_path / "samm_micro.csv").write_text("\n".join(",".join(map(str, line)) for line in lines))
    assert [c.key for c in load("samm", tmp_path)] == ["samm/006/006_1_2/1", "samm/007/007_3_1/1"]


@pytest.mark.parametrize(("camera", "fps"), [("hs", 100), ("vis", 25), ("nir", 25)])
def test_smic_as_cut_needs_no_table(tmp_path: Path, camera: str, fps: int) -> None:
    clips = [("s1", "negative", "s1_ne_01"), ("s03", "surprise", "s3_sur_02"), ("s20", "positive", "s20_po_01")]
    for name in ("HS", "VIS", "NIR"):
        smic(tmp_path / "SMIC_all_raw", clips, camera=name, count=4 if name.lower() == camera else 7)
        smic(tmp_path / "SMIC_all_cropped", clips, camera=name, count=9)
    dataset = load("smic", tmp_path, camera=camera)
    assert [(c.subject, c.emotion, len(c.frames or ()), c.apex) for c in dataset] == [
        ("s01", "negative", 4, 2),
        ("s03", "surprise", 4, 2),
        ("s20", "positive", 4, 2),
    ]
    assert dataset.clips[0].fps == fps
    assert dataset.card["apex"]["annotated"] == 0
    assert dataset.card["frames"]["used"] == [f"SMIC_all_raw/{camera.upper()}"]


def test_smic_may_be_given_by_the_folder_of_its_camera(tmp_path: Path) -> None:
    smic(tmp_path, [("s1", "negative", "s1_ne_01"), ("s2", "positive", "s2_po_01")])
    assert len(load("smic", tmp_path / "HS")) == 2
    with pytest.raises(UnreadableData, match="no subjects of SMIC-NIR"):
        load("smic", tmp_path / "HS", camera="nir")


def test_smic_in_long_clips_reads_its_table(tmp_path: Path) -> None:
    header = [
        "Subject",
        "Filename",
        "OnsetF",
        "OffsetF",
        "Onset2F",
        "Offset2F",
        "FirstF",
        "LastF",
        "TotalMF1",
        "Emotion",
    ]
    body = [
        [3, "s03_ne_02", 175, 179, 182, 185, 170, 189, 5, "negative"],
        [20, "s20_po_01", 1710, 1714, None, None, 1700, 1719, 5, "positive"],
        [3, "s03_ne_03", 5, 9, None, None, 1, 20, 5, "negative"],
        ["Total number of clips: 157"],
    ]
    xlsx(tmp_path / "SMIC-HS-E_annotation.xlsx", a=[header, *body])
    pictures(tmp_path / "SMIC_HS_E/s03/s03_ne_02", range(170, 190), "image{:06d}.jpg")
    pictures(tmp_path / "SMIC_HS_E/s20/s20_po_01", range(17581039, 17581059), "image{}.jpg")
    dataset = load("smic", tmp_path)
    assert [c.key for c in dataset] == [
        "smic/s03/s03_ne_02/175",
        "smic/s03/s03_ne_02/182",
        "smic/s20/s20_po_01/1710",
    ]
    assert numbers(dataset.clips[2]) == [f"image{n}.jpg" for n in range(17581049, 17581054)]
    assert dataset.card["missing"] == ["smic/s03/s03_ne_03/5: there is no folder s03/s03_ne_03"]
    assert dataset.card["skipped"] == ["line 5: it has no clip with an onset and an emotion; taken as a remark"]


def casme_sq(root: Path) -> Path:
    codes = [
        [1, "disgust1_1", 5, 8, 0, "4+7", "negative", "micro-expression", "disgust"],
        [1, "happy1_2", 3, 6, 9, "12", "positive", "micro-expression", "happiness"],
        [2, "anger1_1", 1, 4, 9, "4", "negative", "macro-expression", "anger"],
        [9, "anger1_1", 1, 4, 9, "4", "others", "micro-expression", "anger"],
    ]
    subjects = [[1, "s15", 1], [2, "s16", 2]]
    videos = [["0101", "disgust1"], [502, "happy1"], ["0401", "anger1"]]
    xlsx(root / "CAS(ME)^2code_final.xlsx", CASFEcode_final=codes, naming_rule1=subjects, naming_rule2=videos)
    pictures(root / "rawpic/s15/15_0101disgustingteeth", range(1, 30), "img{:03d}.jpg")
    pictures(root / "rawpic/s15/15_0502funnyerrors", range(1, 30), "img{:03d}.jpg")
    pictures(root / "rawpic/s16/16_0401girlcrashing", range(1, 30), "img{:03d}.jpg")
    return root


def test_casme_sq_has_no_header_and_naming_rules(tmp_path: Path) -> None:
    dataset = load("casme-sq", casme_sq(tmp_path))
    assert [(c.key, c.emotion) for c in dataset] == [
        ("casme-sq/s15/disgust1_1/5", "negative"),
        ("casme-sq/s15/happy1_2/3", "positive"),
    ]
    assert (dataset.clips[0].apex, dataset.clips[0].offset) == (3, 3)
    assert numbers(dataset.clips[0])[0] == "img005.jpg"
    assert dataset.card["skipped"] == ["line 4: no sheet of the table says which folder subject '9' has"]
    assert "offset 0 does not follow onset 5; the clip ends at its apex 8" in dataset.card["adjusted"][0]
    assert [c.subject for c in load("casme-sq", tmp_path, kind="all")] == ["s15", "s15", "s16"]


def test_casme_sq_as_selected_pictures(tmp_path: Path) -> None:
    casme_sq(tmp_path)
    (tmp_path / "rawpic").rename(tmp_path / "away")
    for name, span in (("disgust1_1", range(5, 9)), ("happy1_2", range(3, 10))):
        pictures(tmp_path / "selectedpic/s15" / name, span)
    dataset = load("casme-sq", tmp_path, frames="selectedpic")
    assert [len(c.frames or ()) for c in dataset] == [4, 7]


CASME3 = ["Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion"]


def test_casme3_a_repeats_names_and_lacks_first_pictures(tmp_path: Path) -> None:
    body = [
        ["spNO.1", "a", 5, 12, 20, 4, "III", "disgust"],
        ["spNO.1", "a", 30, 33, 40, 12, "I", "Happy"],
        ["spNO.14", "J", 10, 10, 15, "L2+L1", "II", "surprise"],
        ["spNO.40", "e", 10, 14, 0, "38", "VII", "Others"],
        ["spNO.149", "d", 112, 83, 125, "T28+14", "VII", "fear"],
    ]
    xlsx(tmp_path / "annotation/cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx", label=[CASME3, *body])
    data = tmp_path / "part_A/data/part_A"
    pictures(data / "spNO.1/a/color", range(8, 60), "{}.jpg")
    pictures(data / "spNO.1/a/depth", range(8, 60), "{}.png")
    pictures(data / "spNO.14/j/color", range(8, 60), "{}.jpg")
    pictures(data / "spNO.40/e/color", range(8, 60), "{}.jpg")
    pictures(data / "spNO.149/d/color", range(8, 160), "{}.jpg")
    dataset = load("casme3", tmp_path, classes=7)
    assert [(c.key, c.emotion) for c in dataset] == [
        ("casme3/spNO.1/a/5", "disgust"),
        ("casme3/spNO.1/a/30", "happiness"),
        ("casme3/spNO.14/J/10", "surprise"),
        ("casme3/spNO.40/e/10", "others"),
        ("casme3/spNO.149/d/112", "fear"),
    ]
    assert numbers(dataset.clips[0])[0] == "8.jpg"
    assert dataset.clips[4].action_units == ("T28", "AU14")
    assert len(dataset.card["adjusted"]) == 4
    assert load("casme3", tmp_path).card["dropped"] == {"others": 1}


def test_casme3_a_as_cut_clips_with_numbers_added(tmp_path: Path) -> None:
    body = [["spNO.1", "a", 5, 8, 10, 4, "III", "disgust"], ["spNO.1", "a", 30, 33, 40, 12, "I", "happy"]]
    xlsx(tmp_path / "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx", label=[CASME3, *body])
    pictures(tmp_path / "ME_A/spNO.1/a/color", range(5, 11), "{}.jpg")
    pictures(tmp_path / "ME_A/spNO.1/a2/color", range(30, 41), "{}.jpg")
    assert [numbers(c)[0] for c in load("casme3", tmp_path)] == ["5.jpg", "30.jpg"]


def test_casme3_c_has_no_apex_and_commas_of_both_widths(tmp_path: Path) -> None:
    header = ["sub", "count", "onset", "offset", "au", "emotion"]
    body = [[1, 1, 10, 20, "4,7", "negative"], [1, 2, 40, 48, "1，2", "surprise"], [12, 1, 5, 9, "14", "others"]]
    xlsx(tmp_path / "CAS(ME)3_part_C_ME.xlsx", a=[header, *body])
    pictures(tmp_path / "part_C/01/a/color", range(1, 60), "{}.jpg")
    pictures(tmp_path / "part_C/12/a/color", range(1, 60), "{}.jpg")
    dataset = load("casme3", tmp_path, part="c")
    assert [(c.key, c.apex, c.action_units) for c in dataset] == [
        ("casme3/C01/1/10", 5, ("AU4", "AU7")),
        ("casme3/C01/2/40", 4, ("AU1", "AU2")),
    ]
    assert [c.subject for c in load("casme3", tmp_path, part="C", classes=4)] == ["C01", "C01", "C12"]


def test_mmew_keeps_others_in_a_folder_called_repression(tmp_path: Path) -> None:
    header = [
        "Subject",
        "Filename",
        "OnsetFrame",
        "ApexFrame",
        "OffsetFrame",
        "Action Units",
        "Estimated Emotion",
        "remarks",
    ]
    body = [
        [13, "S13-07-001", 1, 4, 9, "17+23", "anger", None],
        [1, "S01-01-001", 1, 4, 9, "6+12", "happiness", "x"],
        [1, "S01-08-001", 1, 4, 9, "14", "others", None],
    ]
    xlsx(tmp_path / "MMEW_Micro_Exp.xlsx", a=[header, *body])
    micro, macro = tmp_path / "Micro_Expression", tmp_path / "Macro_Expression/S01"
    for folder in (micro / "anger/S13-07-001", micro / "happiness/S01-01-001", micro / "repression/S01-08-001"):
        pictures(folder, range(1, 10), "{}.jpg")
    for emotion in ("anger", "happiness", "others"):
        pictures(macro / emotion, range(1, 10), "S01-07-{:03d}.jpg")
    dataset = load("mmew", tmp_path, classes=7)
    assert [(c.subject, c.emotion) for c in dataset] == [("S13", "anger"), ("S01", "happiness"), ("S01", "others")]
    assert dataset.card["frames"]["used"] == ["Micro_Expression"]


def test_4dme_gives_several_emotions_and_static_units(tmp_path: Path) -> None:
    header = ["sub_ID", "fold_name", "Emotion", "Onset", "Apex", "Offset", "AUs", "Positive", "Negative", "AU4"]
    body = [
        ["S01", "S01_001", "Negative+Repression", 101, 104, 109, "AU4(k)+L7", 0, 1, 1],
        ["S01", "S01_002", "Positive+Surprise", 101, 104, 109, "AU12", 1, 0, 0],
        ["S02", "S02_001", "Positive", 101, 104, 109, "AUR2+12(k)+45", 1, 0, 0],
    ]
    xlsx(tmp_path / "4DME_Labelling_Micro_release v1.xlsx", a=[header, *body])
    for subject, file, *_ in body:
        pictures(tmp_path / "gray_micro" / str(subject) / str(file), range(1, 10), "Frame_{:09d}.jpg")
    dataset = load("4dme", tmp_path)
    assert [(c.emotion, c.action_units) for c in dataset] == [("negative", ("L7",)), ("positive", ("R2", "AU45"))]
    assert dataset.card["dropped"] == {"positive+surprise": 1}
    assert dataset.clips[0].apex == 3
    assert load("4dme", tmp_path, classes="native").emotions == (
        *("positive", "negative+repression", "positive+surprise"),
    )


def test_dfme_comes_in_parts_with_a_rate_per_clip(tmp_path: Path) -> None:
    header = ["Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Emotion", "EmotionId", "Fps", "AU"]
    train = [
        ["sub0003", "sub0003_01", 2, 5, 9, "anger", 0, 500, "4"],
        ["sub0003", "sub0003_02", 2, 5, 9, None, 4, 300, "12"],
    ]
    test = [["sub0700", "sub0700_01", 2, 5, 9, "Surprise", 6, None, "1+2"]]
    xlsx(tmp_path / "training_full_with_AU.xlsx", Sheet1=[header, *train])
    xlsx(tmp_path / "testA_full_with_AU.xlsx", Sheet1=[header, *test])
    pictures(tmp_path / "train/sub0003_01", range(1, 11), "{:05d}.png")
    pictures(tmp_path / "train/sub0003_02", range(1, 11), "{:05d}.png")
    pictures(tmp_path / "test_data_A/test_data_A/sub0700_01", range(1, 11), "{:05d}.png")
    dataset = load("dfme", tmp_path)
    assert [(c.subject, c.emotion, c.fps) for c in sorted(dataset, key=lambda c: c.key)] == [
        ("sub0003", "negative", 500),
        ("sub0003", "positive", 300),
        ("sub0700", "surprise", 200),
    ]
    assert len(load("dfme", tmp_path, part="train")) == 2
    with pytest.raises(UnusableData, match="all 1 usable clips"):
        load("dfme", tmp_path, part="testA")
    with pytest.raises(UsageError, match="expected all, train"):
        load("dfme", tmp_path, part="validation")


def test_samm_long_takes_its_emotions_from_samm(tmp_path: Path) -> None:
    header = [
        "Subject",
        "Filename",
        "Inducement Code",
        "Onset",
        "Apex",
        "Offset",
        "Duration",
        "Type",
        "Action Units",
        "Notes",
    ]
    body = [
        [6, "006_1_2 ", 1, 12, 18, 25, 14, "Micro - 1/2", "4+7", None],
        ["007", "007_6_1", 1, -2, 3, 9, 12, "Micro - 1/2", "12", None],
        ["006", "006_1_9", 1, 30.5, 33.25, 40.75, 10, "Macro", "12", None],
    ]
    above = [[f"line {i}"] for i in range(9)]
    xlsx(tmp_path / "SAMM_LongVideos_V3_Release.xlsx", Sheet1=[*above, header, *body])
    pictures(tmp_path / "SAMM_longvideos/006_1", range(1, 60), "006_1_{:04d}.jpg")
    pictures(tmp_path / "SAMM_longvideos/007_6", range(1, 60), "007_6_{:04d}.jpg")
    with pytest.raises(UnreadableData, match=r"no emotions of its own.*emotions=FILE"):
        load("samm-long", tmp_path)
    assert [c.emotion for c in load("samm-long", tmp_path, kind="all", classes="objective")] == ["III", "I", "I"]
    rows = [("006", "006_1_2", 900, 910, 920, "4", "Anger", "III"), ("007", "007_6_1", 1, 2, 3, "12", "Happiness", "I")]
    samm(tmp_path, rows, unpack=False)
    dataset = load("samm-long", tmp_path)
    assert [(c.key, c.emotion) for c in dataset] == [
        ("samm-long/006/006_1_2/12", "negative"),
        ("samm-long/007/007_6_1/-2", "positive"),
    ]
    assert numbers(dataset.clips[1])[dataset.clips[1].apex] == "007_6_0003.jpg"
    assert [n.partition(": ")[2] for n in dataset.card["adjusted"]] == [
        "onset -2 lies before the video",
        "onset picture -2 is not there; the clip begins at 1",
    ]


def test_an_old_excel_file_does_as_well(tmp_path: Path) -> None:
    casme2(tmp_path, ROWS)
    (tmp_path / "CASME2-coding-20140508.xlsx").unlink()
    xls(tmp_path / "CASME2_label_Ver_2.xls", [CASME2_HEADER, *(_row(*r) for r in ROWS)])
    assert [c.key for c in load("casme2", tmp_path)] == [
        "casme2/sub01/EP02_01f/46",
        "casme2/sub02/EP11_01/16",
        "casme2/sub02/EP01_11f/46",
    ]


# Composites


def test_cd6me_keeps_people_of_different_sets_apart(tmp_path: Path) -> None:
    casme2(tmp_path / "two", ROWS)
    header = ["Subject", "Filename", "OnsetF", "ApexF1", "OffsetF", "AU", "Emotion"]
    xlsx(
        tmp_path / "one/casme.xlsx",
        a=[header, [1, "EP01_5", 1, 4, 9, "9", "disgust"], [1, "EP01_6", 1, 4, 9, "5", "surprise"]],
    )
    pictures(tmp_path / "one/raw/sub01/EP01_5", range(1, 10))
    pictures(tmp_path / "one/raw/sub01/EP01_6", range(1, 10))
    dataset = registry.create("datasets", f"cd6me:casme={tmp_path / 'one'},casme2={tmp_path / 'two'}")
    assert dataset.subjects == ("casme2:sub01", "casme2:sub02", "casme:sub01")
    assert {c.dataset for c in dataset} == {"casme", "casme2"}
    assert dataset.emotions == ("negative", "positive", "surprise")
    assert dataset.card["list"]["casme2"] == {"clips": 3, "protocol": 256}
    assert (dataset.card["units"]["AU5"], dataset.card["units"]["AU12"], dataset.card["units"]["AU17"]) == (1, 1, 0)
    with pytest.raises(UsageError, match="two or more sets"):
        registry.create("datasets", f"cd6me:casme2={tmp_path / 'two'}")
