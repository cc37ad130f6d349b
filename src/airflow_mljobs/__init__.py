"""Airflow operators, hooks, triggers and links that run ML jobs, and an emulator to run them on."""

__version__ = "0.1.0"
