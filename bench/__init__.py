"""The measurements behind the figures of docs/benchmarks.md."""
