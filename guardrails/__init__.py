"""What no model output can talk its way past: redaction, policy, approvals, the executor."""
