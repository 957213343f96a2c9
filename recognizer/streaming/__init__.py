"""Calls that are going on: from sound to a verdict that grows."""

from recognizer.streaming.channel import LiveChannel
from recognizer.streaming.settling import SettleRules

__all__ = ["LiveChannel", "SettleRules"]
