"""Buttons on a task's page that lead to the job on its service."""
