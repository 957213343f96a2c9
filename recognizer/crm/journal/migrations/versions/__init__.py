"""One file a schema version: `v<revision>_<name>.py`, in the order of their numbers."""
