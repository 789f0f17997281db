"""How large a connection pool must be: arithmetic on numbers, without input and output.

A connection is in use for as long as a request has it: milliseconds when it is released before a network wait, seconds
when it is held. The rest follows by Little's law. `queueing` has the formulas and their sources, `model` what is asked,
`needs` what the load needs, `advising` what to set, `planning` the whole answer.
"""

from flake8_poolhold.sizing.advising import Advice, Engine, PgBouncer
from flake8_poolhold.sizing.model import Deployment, Pool, SizingError, Workload
from flake8_poolhold.sizing.needs import Need
from flake8_poolhold.sizing.planning import Plan, Scenario, plan

__all__ = [
    "Advice",
    "Deployment",
    "Engine",
    "Need",
    "PgBouncer",
    "Plan",
    "Pool",
    "Scenario",
    "SizingError",
    "Workload",
    "plan",
]
