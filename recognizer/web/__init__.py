"""The operators' page and the HTTP API."""
