"""A strict RFC 8030 push service for demonstration, tests and benchmarks, which plays its own browsers."""
