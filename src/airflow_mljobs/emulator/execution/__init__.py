"""Engines: what happens between a job's creation and its end."""
