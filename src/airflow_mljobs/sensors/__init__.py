"""Sensors, which wait for jobs that something else started."""
