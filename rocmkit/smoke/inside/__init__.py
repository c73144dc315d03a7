"""What runs inside the user's Python, from 3.8 on: the standard library alone, until a step asks for more."""
