"""What people and machines read over HTTP: approvals, metrics, health. Runs in the control process."""
