"""Where each process of the stack shows its metrics: on a port of its own, counted from one base."""

from collections.abc import Mapping

BASE = "HOLDFAST_METRICS_PORT"
HOST = "HOLDFAST_METRICS_HOST"
WORKER_CHILDREN = 2  # of Celery
WORKER, RELAY = 100, 200  # where their ports begin, counted from the base; the API's begin with it
API_WORKERS_MAX = 64  # what the settings allow


def offsets(variables: Mapping[str, str]) -> Mapping[str, range]:
    """How far above the base the ports of each job lie."""
    workers = variables["HOLDFAST_API_WORKERS"]
    # What is no number is the API's to refuse, in its own words.
    count = min(int(workers), API_WORKERS_MAX) if workers.isascii() and workers.isdigit() else 1
    return {"api": range(count), "worker": range(WORKER, WORKER + WORKER_CHILDREN), "relay": range(RELAY, RELAY + 1)}


def targets(variables: Mapping[str, str]) -> Mapping[str, list[int]]:
    """The ports by job; none when the base is 0, or was never heard of."""
    base = int(variables.get(BASE, 0))
    return {job: [base + offset for offset in theirs] for job, theirs in offsets(variables).items()} if base else {}
