"""The command line: `app` declares the commands, the other modules carry them out, importing what they need then."""

from mask.cli.app import main

__all__ = ["main"]
