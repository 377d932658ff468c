"""Benchmarks against peers; each script in bench/ is one command without arguments."""
