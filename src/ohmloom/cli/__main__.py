"""``python -m ohmloom.cli``: the command line where the command ``ohmloom`` is not on the path."""

from ohmloom.cli import main

main()
