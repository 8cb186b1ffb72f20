"""Life of a front with its fleet: replicas started, requests answered until it is told to stop."""

from collections.abc import Callable, Sequence

from voxport.serving.api_keys import ApiKeys
from voxport.serving.front import Front
from voxport.serving.metrics import Metrics
from voxport.serving.middleware import Gate
from voxport.serving.ray_fleet import FleetOptions, start_fleet, stop_fleet
from voxport.serving.run import ServedPackage, ServerOptions, listen


def serve_fleet(
    packages: Sequence[ServedPackage],
    options: ServerOptions,
    fleet: FleetOptions,
    keys: ApiKeys,
    note: Callable[[str], None],
) -> None:
    """Serve packages from a fleet on Ray until SIGTERM or SIGINT.

    Args:
        packages: at least one; each under a name of its own.
        options: the address and the limits; workers and threads are those of a replica.
        fleet: the number of replicas, and the place of Ray.
        keys: API keys; none: every request is allowed.
        note: prints a line for the person who starts it.
    """
    replicas = start_fleet(packages, options, fleet, note)
    try:
        figures = Metrics()
        front = Front(replicas, options.settings, figures.render)
        gate = Gate(front, keys, options.settings, figures.count_request)
        listen(gate, front.stop, options, note)
    finally:
        stop_fleet(is_own=fleet.address is None)
