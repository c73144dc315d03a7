"""Builds from source for HIP: recipe → plan → execute → prove."""
