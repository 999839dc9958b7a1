"""A configuration with which Prometheus finds every process of the stack: `.run/prometheus.yml`.

Holdfast does not bring Prometheus. Whoever has it starts it in the clone:

    prometheus --config.file=.run/prometheus.yml --storage.tsdb.path=.run/prometheus
"""

import json

from deploy.local.environment import Stack
from deploy.local.places import write_private

INTERVAL = "5s"  # a person watches; a deployment can wait longer
RULES = "deploy/monitoring/rules/*.yml"


def write(stack: Stack) -> None:
    write_private(stack.places.prometheus, configuration(stack))


def configuration(stack: Stack) -> str:
    """The jobs `api`, `worker` and `relay`, each process a target, and the rules of this clone. In JSON, which is YAML."""
    jobs = {job: [stack.metrics_address(port) for port in ports] for job, ports in stack.metrics_targets.items()}
    content = {
        "global": {"scrape_interval": INTERVAL, "evaluation_interval": INTERVAL},
        "rule_files": [str(stack.places.run.parent / RULES)],
        "scrape_configs": [{"job_name": job, "static_configs": [{"targets": targets}]} for job, targets in jobs.items()],
    }
    return json.dumps(content, indent=2) + "\n"
