"""How well each recognizer reads untouched clips, beside a machine that always gives the commonest answer."""

from __future__ import annotations

from .document import Block, Row, Section, Table, Text, Value, named, num, numbered, span, table, whole
from .model import Clean, Run


def clean_section(run: Run) -> Section:
    """Clean scores with intervals, the majority baseline, and what is confused with what."""
    intro = (
        "What each recognizer scores on untouched clips, pooled over subjects, beside a machine that always answers "
        "the commonest emotion. Intervals resample subjects."
    )
    blocks: list[Block] = [Text(intro), _scores(run)]
    blocks += [_confusion(c) for c in run.clean if c.defense == "none"]
    return Section("clean", "Before any sticker", tuple(blocks))


def _scores(run: Run) -> Table:
    rows = [
        Row(
            (
                c.recognizer,
                c.defense,
                whole(c.n),
                *(
                    value
                    for name in ("uf1", "uar", "accuracy")
                    for value in (num(getattr(c.scores, name), style="key"), span(c.intervals[name]))
                ),
                Value("not run", None, "soft") if c.certified is None else num(c.certified),
            )
        )
        for c in run.clean
    ]
    for c in run.clean[:1]:
        scores = (v for name in ("uf1", "uar", "accuracy") for v in (num(getattr(c.majority, name)), "–"))
        rows.append(Row((f"always {c.majority_label}", "majority baseline", whole(c.n), *scores, "–"), "soft"))
    heads = (*named("recognizer", "defence"), *numbered("clips", "UF1", "95 %", "UAR", "95 %"))
    return table("Clean scores", (*heads, *numbered("accuracy", "95 %", "certified")), rows)


def _confusion(c: Clean) -> Table:
    rows = [
        Row((name, *(Value(f"{n:,}", n, "key" if k == i else "") for k, n in enumerate(counts)), whole(none)))
        for i, (name, counts, none) in enumerate(zip(c.emotions, c.confusion, c.unanswered, strict=True))
    ]
    heads = (*named("true"), *numbered(*c.emotions, "no answer"))
    return table(f"{c.recognizer}: true emotion by row, answer by column", heads, rows)
