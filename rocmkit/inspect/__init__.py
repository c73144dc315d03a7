"""GPU code inside files, folders, packages and wheels: for which cards it is, what it needs, and whether it runs on a given card.

Nothing of a target is loaded or executed. `look.look` finds and reads, `judge` decides, `rocmkit.report` draws.
"""
