"""Run the command line with `python -m siting`."""

from siting.cli import main

main()
