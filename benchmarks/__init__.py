"""Measurements: commands, not tests. See README.md beside this file."""
