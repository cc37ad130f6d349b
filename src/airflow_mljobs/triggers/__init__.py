"""Triggers wait for jobs in the triggerer, where one process waits for thousands."""
