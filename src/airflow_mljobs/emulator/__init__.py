"""A local backend that answers as the services do: ``python -m airflow_mljobs.emulator``."""
