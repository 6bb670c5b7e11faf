"""``python -m mask``: the command line."""

from mask.cli import main

main()
