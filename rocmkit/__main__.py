"""`python -m rocmkit`."""

from rocmkit.cli import main

main()
