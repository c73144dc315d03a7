"""`python -m rocmkit`."""

from rocmkit.entry import main

main()
