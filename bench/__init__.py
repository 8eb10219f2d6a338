"""What govproxy costs, beside other proxies: ``python -m bench.compare`` (docs/performance.md)."""
