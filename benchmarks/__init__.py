"""Speed and memory, measured: `python -m benchmarks [NAME ...]` prints and writes JSON."""
