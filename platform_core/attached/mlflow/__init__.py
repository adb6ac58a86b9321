"""MLflow, by its client alone (the extra `mlflow`): a local store or a tracking server, ours or an existing one."""
