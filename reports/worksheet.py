"""Where the report helps with the EU AI Act and the NIST AI RMF: a worksheet to fill in, and no legal advice."""

from __future__ import annotations

from .document import Row, Section, Table, Text, Value, named, rich, table
from .model import Run

_ACT = (
    (
        "Art. 3(39)",
        "Is it an emotion recognition system: does it infer emotions or intentions of people from biometric data?",
        "System under test says what it reads and answers",
    ),
    (
        "Art. 5(1)(f)",
        "Is it meant for a workplace or for education, where inferring emotions is prohibited but for medical or "
        "safety reasons?",
        "nothing: the intended purpose is for the provider to say",
    ),
    (
        "Art. 50(3)",
        "Are the people exposed to it informed, clearly and at the latest at the first exposure?",
        "nothing: it is about the deployment",
    ),
    (
        "Annex III 1(c), Art. 9",
        "Where it is high-risk: are foreseeable risks known and tested against?",
        "Threat model; What stickers do; Limitations",
    ),
    (
        "Art. 10",
        "Are the data relevant and representative, and examined for biases?",
        "Data and split counts clips, subjects and emotions; who the subjects are is not part of a run",
    ),
    (
        "Art. 11, Annex IV",
        "Is there technical documentation with metrics and test logs?",
        "the whole report, results.json and clips.csv",
    ),
    (
        "Art. 13",
        "Are accuracy, robustness and limits told to the deployer?",
        "Verdict and scope; Before any sticker; Limitations",
    ),
    (
        "Art. 15",
        "Is it accurate, robust and secure, against adversarial examples among others, over its lifetime?",
        "Before any sticker; What stickers do; Behind defences; Reasons to doubt",
    ),
)
_RMF = (
    (
        "MEASURE 2.5",
        "Is it shown to be valid and reliable, and are the limits of generalisation documented?",
        "Before any sticker; Controls; Limitations",
    ),
    (
        "MEASURE 2.7",
        "Are security and resilience evaluated and documented?",
        "What stickers do; By number of queries; Behind defences",
    ),
    ("MEASURE 2.11", "Are fairness and bias evaluated?", "By emotion; no other group is part of a run: not run"),
)


def worksheet(run: Run) -> Section:
    """Provisions, what each asks, where this report has something to say, and room for the rest."""
    text = rich(
        "<b>Not legal advice.</b> What follows points from provisions to sections. Whether one applies, and whether it "
        "is met, is for people with the law in its current text before them; the wording here is a paraphrase. The "
        "last column is empty on purpose."
    )
    blocks = (Text(text), _table("EU AI Act, Regulation (EU) 2024/1689", _ACT), _table("NIST AI RMF 1.0", _RMF))
    return Section("worksheet", "Worksheet: EU AI Act and NIST AI RMF", blocks)


def _table(caption: str, rows: tuple[tuple[str, str, str], ...]) -> Table:
    heads = named("provision", "what it asks", "in this report", "to be filled in")
    told = [Row((name, Value(asks, style="prose"), Value(here, style="prose"), "_" * 24)) for name, asks, here in rows]
    return table(caption, heads, told, stacked=True)
