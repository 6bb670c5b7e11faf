"""Every command, its options and its help. Nothing heavy is imported before a command runs."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from mask import __version__
from mask.errors import MaskError

app = typer.Typer(
    name="mask",
    help="MASK: if I put this small sticker here, does that machine still read the emotion I did not mean to show?",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
data_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Write, augment or check a dataset.")
app.add_typer(data_app, name="data")

Data = Annotated[
    str, typer.Option("--data", metavar="SPEC", help="synthetic:subjects=12,seed=0  megc-flow:DIR  folder:DIR")
]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="folder to write; made if it does not exist")]
Force = Annotated[bool, typer.Option("--force", help="replace what an earlier run left there")]
Json = Annotated[bool, typer.Option("--json", help="print the result as JSON on standard output")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="fixes everything random")]
Quiet = Annotated[bool, typer.Option("--quiet", help="no progress on standard error")]
Discovered = Annotated[
    str | None,
    typer.Option(metavar="SPEC", help="clips attacks may study; without it subjects of --data are set aside"),
]
Owns = Annotated[
    str,
    typer.Option(
        metavar="a,b",
        help="what the attacker owns: siblings (other models of one study), recognizers to train on the discovery "
        "clips, none",
    ),
]
Area = Annotated[float, typer.Option(help="share of the face box that all stickers together may cover")]
Number = Annotated[int, typer.Option(help="the most stickers worn at once")]
Where = Annotated[str, typer.Option(metavar="a,b", help="where stickers may be put, by region of the scheme mesh")]
Eps = Annotated[int, typer.Option(help="the most a pixel may change under digital attacks, in 1/255")]
Budget = Annotated[int | None, typer.Option(help="queries per clip, the final look included")]
Blind = Annotated[bool, typer.Option("--blind", help="the wearer does not know which emotion to hide")]
Model = Annotated[str, typer.Argument(metavar="RECOGNIZER", help="such as ststnet:weights=DIR or mmnet:weights=DIR")]
Augment = Annotated[
    list[str] | None,
    typer.Option(
        "--augment",
        metavar="SPEC",
        help="clips to make of the training clips of each fold, such as magnify:factor=2 (see 'mask list "
        "augmentations'); may be given again",
    ),
]
Models = Annotated[list[str], typer.Argument(metavar="RECOGNIZER...", help="such as ststnet:weights=DIR")]


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"mask {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="print it")] = False,
) -> None:
    pass


@app.command()
def demo(out: Out = Path("runs/demo"), seed: Seed = 0, force: Force = False, quiet: Quiet = False) -> None:
    """The whole story on embedded data, offline: train, probe, attack, defend, report."""
    from mask.cli import demo as work

    work.demo(out, seed=seed, force=force, quiet=quiet)


@app.command()
def evaluate(recognizer: Model, data: Data, seed: Seed = 0, json: Json = False, quiet: Quiet = False) -> None:
    """Score a recognizer: UF1, UAR, accuracy, confusion, majority baseline."""
    from mask.cli import evaluate as work

    work.evaluate(recognizer, data, seed=seed, as_json=json, quiet=quiet)


@app.command()
def train(
    recognizer: Annotated[
        str, typer.Argument(metavar="RECOGNIZER", help="such as ststnet:flow=dis or mmnet:width=0.25")
    ],
    data: Data,
    out: Out,
    protocol: Annotated[
        str,
        typer.Option(help="loso, kfold (four folds of subjects), split (a third held out) or cross (each database)"),
    ] = "loso",
    validation: Annotated[
        float, typer.Option(help="share of the training subjects that choose the epoch; 0: the last epoch is the model")
    ] = 0.0,
    class_weights: Annotated[
        bool, typer.Option("--class-weights/--no-class-weights", help="weigh each class inversely to its count")
    ] = True,
    augment: Augment = None,
    seed: Seed = 0,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a recognizer subject-independently, score it, and save its weights."""
    from mask.cli import train as work

    work.train(
        recognizer,
        data,
        out,
        protocol=protocol,
        validation=validation,
        class_weights=class_weights,
        augment=augment or (),
        seed=seed,
        force=force,
        as_json=json,
        quiet=quiet,
    )


@app.command()
def probe(
    data: Data,
    out: Out,
    method: Annotated[
        str,
        typer.Option(
            help="pc, fci, ges, boss, lingam, cdnod (two datasets); or paper, the method of the ICASSP 2025 paper"
        ),
    ] = "pc",
    rows: Annotated[str, typer.Option(help="clips; or frames: which region moves first, from onset to apex")] = "clips",
    scheme: Annotated[str, typer.Option(help="which regions: mesh or au14")] = "mesh",
    flow: Annotated[str, typer.Option(help="tvl1, farneback or dis, for clips of frames")] = "tvl1",
    alpha: Annotated[float, typer.Option(help="level of the independence tests")] = 0.05,
    bootstraps: Annotated[int, typer.Option(min=0, help="resamplings of subjects")] = 200,
    seed: Seed = 0,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Which regions' motion goes with which emotion: causal graph, stability, null controls."""
    from mask.cli import probe as work

    work.probe(
        data,
        out,
        method=method,
        rows=rows,
        scheme=scheme,
        flow=flow,
        alpha=alpha,
        bootstraps=bootstraps,
        seed=seed,
        force=force,
        as_json=json,
        quiet=quiet,
    )


@app.command()
def attack(
    recognizer: Model,
    data: Data,
    out: Out,
    attack: Annotated[str, typer.Option("--attack", metavar="NAME", help="see 'mask list attacks'")] = "causal",
    discovery: Discovered = None,
    surrogates: Owns = "auto",
    kinetics: Annotated[str, typer.Option(help="skin, slip, raised, overlay or screen")] = "skin",
    area: Area = 0.046,
    number: Number = 1,
    regions: Where = "all",
    eps: Eps = 8,
    budget: Budget = None,
    blind: Blind = False,
    seed: Seed = 0,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write the plans of one attack, and the clips with the stickers on them."""
    from mask.cli import attack as work

    work.attack(
        recognizer,
        data,
        out,
        attack=attack,
        discovery=discovery,
        surrogates=surrogates,
        kinetics=kinetics,
        area=area,
        number=number,
        regions=regions,
        eps=eps,
        budget=budget,
        blind=blind,
        seed=seed,
        force=force,
        as_json=json,
        quiet=quiet,
    )


@app.command()
def audit(
    recognizers: Models,
    data: Data,
    out: Out,
    discovery: Discovered = None,
    surrogates: Owns = "auto",
    attacks: Annotated[
        str, typer.Option(metavar="a,b", help="see 'mask list attacks'")
    ] = "random,centre,region,au-sticker,grey,causal,exhaustive",
    defenses: Annotated[str, typer.Option(metavar="a,b", help="see 'mask list defenses'; none is always tried")] = "",
    kinetics: Annotated[str, typer.Option(metavar="a,b", help="skin, slip, raised, overlay, screen")] = "skin,overlay",
    area: Area = 0.046,
    number: Number = 1,
    regions: Where = "all",
    eps: Eps = 8,
    budget: Budget = None,
    blind: Blind = False,
    draws: Annotated[
        int, typer.Option(min=0, help="how often clips of frames are filmed again with a plan that succeeded; 0: never")
    ] = 4,
    retrain: Annotated[
        str, typer.Option(metavar="a,b", help="attacks on whose stickered clips the recognizers are trained again")
    ] = "",
    require_asr: Annotated[
        float | None, typer.Option(help="exit with 100 unless some one-shot attack reaches this success rate")
    ] = None,
    show_faces: Annotated[bool, typer.Option("--show-faces", help="let the report show real faces")] = False,
    seed: Seed = 0,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Attack recognizers on a dataset and report what a sticker does to them."""
    from mask.cli import audit as work

    work.audit(
        recognizers,
        data,
        out,
        discovery=discovery,
        surrogates=surrogates,
        attacks=attacks,
        defenses=defenses,
        kinetics=kinetics,
        area=area,
        number=number,
        regions=regions,
        eps=eps,
        budget=budget,
        blind=blind,
        draws=draws,
        retrain=retrain,
        require_asr=require_asr,
        show_faces=show_faces,
        seed=seed,
        force=force,
        as_json=json,
        quiet=quiet,
    )


@app.command()
def bench(
    grid: Annotated[Path, typer.Argument(metavar="GRID.toml", help="what to cross with what; see docs/bench.md")],
    out: Out,
    engine: Annotated[str, typer.Option(help="local (processes of this machine), dask or ray")] = "local",
    workers: Annotated[int | None, typer.Option(help="how many at a time; by default one for each core")] = None,
    address: Annotated[
        str | None, typer.Option(help="of a running Dask or Ray cluster; by default one is started here")
    ] = None,
    shard: Annotated[str, typer.Option(metavar="i/N", help="carry out one part of N; 'mask merge' joins them")] = "1/1",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what there is to do and what it costs")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Audit a whole grid: recognizers x datasets x attacks x defences x kinetics x sizes x seeds; resumable."""
    from mask.cli import bench as work

    work.bench(
        grid,
        out,
        engine=engine,
        workers=workers,
        address=address,
        shard=shard,
        dry_run=dry_run,
        as_json=json,
        quiet=quiet,
    )


@app.command()
def merge(
    shards: Annotated[list[Path], typer.Argument(metavar="DIR...", help="folders that 'mask bench --shard' filled")],
    out: Out,
    json: Json = False,
) -> None:
    """Join shards of one grid into one folder with its tables; needs neither data nor weights."""
    from mask.cli import merge as work

    work.merge(shards, out, as_json=json)


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(metavar="DIR...", help="folders of finished runs")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="where to write, in the format its end says; by default in the first DIR"
        ),
    ] = None,
    formats: Annotated[
        str, typer.Option("--format", metavar="a,b", help="html, pdf, json, csv, parquet, junit; html by default")
    ] = "",
    fail_if: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RULE", help="exit with 100 where this holds: 'asr>0.2', 'causal/overlay asr>20%', 'flags>0'"
        ),
    ] = None,
    leaderboard: Annotated[
        bool, typer.Option("--leaderboard", help="rank the recognizers of many runs by their worst case")
    ] = False,
    force: Force = False,
) -> None:
    """Rebuild a report, or compare several runs, from results.json and clips.csv alone."""
    from mask.cli import report as work

    work.report(runs, out, formats=formats, fail_if=fail_if or (), leaderboard=leaderboard, force=force)


@app.command()
def protect(
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT...", help="video files, folders or globs")],
    out: Annotated[Path | None, typer.Option("-o", "--out", help="output file, or folder for several inputs")] = None,
    suffix: Annotated[str, typer.Option(help="added to each name when no output is given")] = "_masked",
    region: Annotated[str, typer.Option(help="where to put it; by default the region the evidence ranks first")] = "",
    hide: Annotated[
        str, typer.Option(help="the emotion to hide, when you know it; who learns the habit reads it off the sticker")
    ] = "",
    art: Annotated[str, typer.Option(help="see 'mask list stickers'")] = "heart",
    area: Annotated[float, typer.Option(help="share of the face box the sticker covers")] = 0.046,
    faces: Annotated[int, typer.Option(min=1, max=32, help="how many faces to follow at once")] = 4,
    evidence: Annotated[
        Path | None, typer.Option(metavar="DIR", help="a finished audit whose causal evidence chooses the place")
    ] = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Put a sticker that rides on the skin on every face of a video; sound, size and frames stay."""
    from mask.cli import protect as work

    work.protect(
        inputs,
        out,
        suffix=suffix,
        region=region,
        hide=hide,
        art=art,
        area=area,
        faces=faces,
        evidence=evidence,
        force=force,
        as_json=json,
        quiet=quiet,
    )


@app.command()
def verify(
    original: Annotated[Path, typer.Argument(metavar="ORIGINAL")],
    masked: Annotated[Path, typer.Argument(metavar="MASKED")],
    recognizer: Annotated[list[str], typer.Option(help="such as ststnet:weights=DIR; may be repeated")],
    require: Annotated[
        float | None, typer.Option(metavar="SHARE", help="exit with 100 unless this share of the readings changes")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Is it working: what a recognizer reads in a video before and after, and what was not tried."""
    from mask.cli import verify as work

    work.verify(original, masked, recognizer, require=require, as_json=json, quiet=quiet)


@app.command()
def spot(
    spotter: Annotated[
        str, typer.Argument(metavar="SPOTTER", help="softnet:weights=DIR, me-tst:weights=DIR, flow-peak")
    ],
    videos: Annotated[
        list[Path] | None, typer.Argument(metavar="[VIDEO]...", help="video files, in place of --data")
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", metavar="SPEC", help="annotated long videos: samm-long:DIR, synthetic-long")
    ] = None,
    out: Out = Path("runs/spot"),
    train: Annotated[
        str | None, typer.Option("--train", metavar="PROTOCOL", help="train it here first: loso, kfold, split or cross")
    ] = None,
    recognizer: Annotated[
        str | None, typer.Option(metavar="RECOGNIZER", help="names the emotion of what is spotted")
    ] = None,
    seed: Seed = 0,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find the micro-expressions in long videos, score that, and cut them out as clips to go on with."""
    from mask.cli import spot as work

    work.spot(
        spotter,
        videos or (),
        data,
        out,
        protocol=train,
        recognizer=recognizer,
        seed=seed,
        force=force,
        as_json=json,
        quiet=quiet,
    )


@data_app.command("synth")
def data_synth(
    out: Out,
    data: Annotated[str, typer.Option("--data", metavar="SPEC", help="its options")] = "synthetic",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Write the synthetic benchmark as video files with an annotation table."""
    from mask.cli import data as work

    work.synth(out, data, force=force, quiet=quiet)


@data_app.command("augment")
def data_augment(
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="such as casme2:DIR; see 'mask list datasets'")],
    out: Out,
    augment: Augment = None,
    seed: Seed = 0,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Write the clips that augmentations make of a dataset, and a sheet of pictures to look at."""
    from mask.cli import data as work

    work.augment(spec, augment or (), out, seed=seed, force=force, quiet=quiet)


@data_app.command("check")
def data_check(
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="such as casme2:DIR; see 'mask list datasets'")],
    deep: Annotated[bool, typer.Option("--deep", help="decode every picture, not three of each clip")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Say what a dataset folder holds, what is missing and what was skipped, and why; 1 unless it is whole."""
    from mask.cli import data as work

    work.check(spec, deep=deep, as_json=json, quiet=quiet)


@app.command("list")
def list_names(
    family: Annotated[
        str, typer.Argument(help="recognizers, attacks, defenses, datasets, augmentations, stickers or regions")
    ] = "",
) -> None:
    """What there is to choose from."""
    from mask.cli import lists as work

    work.show(family)


@app.command()
def doctor(json: Json = False) -> None:
    """Tell what works on this machine."""
    from mask.cli import doctor as work

    work.doctor(as_json=json)


def main() -> None:
    """Run the command line; every failure a person can cause ends in one sentence and the documented exit code."""
    # A terminated command cleans up as an interrupted one does; the system's default would leave temporary files.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    try:
        app(standalone_mode=True)
    except MaskError as error:
        _stop(str(error), error.exit_code)
    except SystemExit as end:
        if end.code in (_INTERRUPTED, _TERMINATED):
            how = "interrupted" if end.code == _INTERRUPTED else "terminated"
            _stop(f"{how}; what was finished is kept, and nothing half-written is left", int(end.code))
        raise
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        _stop(f"{error.strerror or error}{where}; nothing half-written was left", 1)


_INTERRUPTED, _TERMINATED = 130, 143
"""Exit codes after Ctrl-C, which Typer turns into one, and after SIGTERM: 128 and the signal's number."""


def _stop(message: str, code: int) -> None:
    print(f"mask: {message}", file=sys.stderr)
    sys.exit(code)
