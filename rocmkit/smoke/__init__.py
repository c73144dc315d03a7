"""Speech systems run for real, each in a process of its own."""
