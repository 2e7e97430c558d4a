"""`python -m eightbit.pot` is `eightbit pot`."""

from eightbit.pot.app.run import main

main()
