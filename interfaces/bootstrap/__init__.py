"""The composition root: the only place that knows which adapter stands behind which port.

One module per process, each building its parts when it is asked to, so that nothing heavy is imported before it is
needed. The platform's write credential (the control token) is read in `serving`, which checks it, and in `worker`,
which gives it to the executor's actions; no agent, no web process and no command line is handed it. What the web
process and the command line do have is the database that holds the approvals: `guardrails.executor.checks` says what
an approval needs besides a row there.
"""
