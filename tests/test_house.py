"""The house: arrows run one way, every package is installed, listing and importing stay light."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FAMILIES = ("attacks", "defenses", "recognizers", "reports")
HOMES = {"mask": ROOT / "mask", **{f"mask.{f}": ROOT / f for f in FAMILIES}}


def modules() -> Iterator[tuple[str, Path]]:
    for home, folder in HOMES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            yield ".".join([home, *[p for p in parts if p != "__init__"]]), path


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
            yield from (f"{node.module}.{a.name}" for a in node.names)


def family_of(name: str) -> str | None:
    head = name.split(".")[:2]
    return head[1] if len(head) == 2 and head[0] == "mask" and head[1] in FAMILIES else None


@pytest.mark.parametrize(("name", "path"), list(modules()), ids=lambda v: v if isinstance(v, str) else "")
def test_arrows(name: str, path: Path) -> None:
    """Families import the core; the core and the other families never import a family."""
    own = family_of(name)
    for target in imports(path):
        other = family_of(target)
        assert other in (None, own), f"{name} imports {target}"
        assert target.split(".")[0] not in FAMILIES, f"{name} imports {target} by its folder, not as mask.{target}"
        assert target.split(".")[0] != "torchvision", f"{name} imports torchvision"


def test_every_package_is_listed_for_installation() -> None:
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    found = {
        ".".join([home, *p.parent.relative_to(folder).parts])
        for home, folder in HOMES.items()
        for p in folder.rglob("__init__.py")
    }
    assert listed == found


def test_everything_imports() -> None:
    for name, _ in modules():
        if not name.endswith("__main__"):
            importlib.import_module(name)


def test_families_are_children_of_the_package_wherever_python_starts(tmp_path: Path) -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import mask.attacks; print(mask.attacks.__name__)"
    for cwd in (ROOT, tmp_path):
        told = subprocess.run(
            [sys.executable, "-c", code, str(ROOT)], cwd=cwd, capture_output=True, text=True, check=True
        )
        assert told.stdout.strip() == "mask.attacks"


def test_a_users_own_folders_are_not_shadowed(tmp_path: Path) -> None:
    (tmp_path / "attacks.py").write_text("mine = True")
    told = subprocess.run(
        [sys.executable, "-c", "import mask.attacks, attacks; print(attacks.mine)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "True"


def test_light_modules_stay_light() -> None:
    heavy = "torch", "cv2", "kornia", "matplotlib", "scipy", "causallearn", "av"
    light = "mask", "mask.cli.app", "mask.clip", "mask.contracts", "mask.plan", "mask.registry", "mask.errors"
    code = (
        f"import sys, {', '.join(light)}; import mask.registry as r; "
        f"[r.describe(f, n) for f in ('attacks', 'recognizers') for n in r.names(f)]; "
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_no_bare_assert_in_the_library() -> None:
    for name, path in modules():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert not any(isinstance(n, ast.Assert) for n in ast.walk(tree)), (
            f"{name} asserts; raise an error a person can read"
        )


def test_families_hold_only_modules_with_create() -> None:
    for family in ("attacks", "defenses", "recognizers"):
        package = importlib.import_module(f"mask.{family}")
        for found in pkgutil.iter_modules(package.__path__):
            if not found.name.startswith("_"):
                assert callable(importlib.import_module(f"mask.{family}.{found.name}").create)
