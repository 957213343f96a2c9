"""Hear why a call failed and decide its status, offline."""
