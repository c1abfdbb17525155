"""Sweeps on a cluster: batches measured by Dask workers on other machines."""
