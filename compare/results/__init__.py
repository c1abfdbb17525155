"""Rows: the schema of the CSV, storing, resuming, what a run was taken on."""
