"""Benchmarks: one small file each, run by `python -m tools.benchmarks NAME`."""
