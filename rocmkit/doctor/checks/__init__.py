"""The checks, one decorated function each. Every module here is scanned; see doctor.check."""
