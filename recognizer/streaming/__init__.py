"""Calls that are going on: from sound to a verdict that grows.

Not here: sockets and protocols, and any rule of what is heard.
"""

from recognizer.streaming.channel import LiveChannel
from recognizer.streaming.settling import SettleRules

__all__ = ["LiveChannel", "SettleRules"]
