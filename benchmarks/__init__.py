"""What this provider costs beside apache-airflow-providers-google, measured in one run.

``python -m benchmarks`` prints the tables; docs/performance.md tells the method.
"""
