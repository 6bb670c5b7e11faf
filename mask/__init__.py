"""MASK, the Micro-expression Adversarial Sticker Kit.

The core says what a clip, a region, a sticker, a recognizer and a result are. The families around it
(`mask.attacks`, `mask.defenses`, `mask.recognizers`, `mask.reports`) import the core; the core imports none
of them. Importing this package imports nothing heavy.
"""

from pathlib import Path as _Path

from mask._version import __version__

# In a source checkout the families are siblings of this folder, not children: make them importable all the same.
_root = _Path(__file__).resolve().parent.parent
if (_root / "pyproject.toml").is_file() and (_root / "attacks").is_dir() and str(_root) not in __path__:
    __path__.append(str(_root))

__all__ = ["__version__"]
