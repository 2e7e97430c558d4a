"""`python -m eightbit` is the command line tool."""

from eightbit._cli import main

main()
