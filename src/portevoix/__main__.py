"""python -m portevoix: the command line."""

from portevoix.cli import main

main()
