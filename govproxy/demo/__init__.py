"""The demo: a throw-away PostgreSQL, sample data, the proxy before it, and a tour."""
