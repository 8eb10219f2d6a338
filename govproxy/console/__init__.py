"""What people and machines read over HTTP: metrics so far. Runs in the control process."""
