"""A Ray cluster on this machine: a head that runs nothing, and nodes with one core each."""

from __future__ import annotations

import importlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_raylet_start_wait_time_s": "120",
    "RAY_agent_register_timeout_ms": "120000",
    "RAY_DEDUP_LOGS": "0",
}
"""Nothing is reported, and a busy machine is given time."""

PORTS = ("metrics_agent_port", "dashboard_agent_listen_port", "runtime_env_agent_port", "metrics_export_port")
PORT_FILES = (
    "METRICS_AGENT_PORT_NAME",
    "DASHBOARD_AGENT_LISTEN_PORT_NAME",
    "RUNTIME_ENV_AGENT_PORT_NAME",
    "METRICS_EXPORT_PORT_NAME",
)
STORE_BYTES = 80_000_000


class Machines:
    """The simulated machines.

    Each has a loopback address of its own, so that Ray takes them for different ones.
    """

    def __init__(self, n_nodes: int) -> None:
        from ray.cluster_utils import Cluster

        self._cluster = Cluster()
        self._add(0, num_cpus=0, include_dashboard=False)
        self.nodes = [self._add(number, num_cpus=1) for number in range(1, n_nodes + 1)]

    @property
    def address(self) -> str:
        """Of the head."""
        return str(self._cluster.address)

    def kill(self, number: int) -> None:
        """End a node and all of its processes at once, as a power cut does."""
        self._cluster.remove_node(self.nodes[number], allow_graceful=False)

    def end(self) -> None:
        """End all of them."""
        self._cluster.shutdown()

    def _add(self, number: int, **arguments: Any) -> Any:
        address = f"127.0.0.{number + 2}"
        return self._cluster.add_node(
            node_ip_address=address, object_store_memory=STORE_BYTES, **free_ports(address), **arguments
        )


def free_ports(address: str) -> dict[str, int]:
    """Ports of Ray's helpers; it gives up on them after 15 s where it has to choose them by itself."""
    sockets = [socket.socket() for _ in PORTS]
    for each in sockets:
        each.bind((address, 0))
    ports = {name: int(each.getsockname()[1]) for name, each in zip(PORTS, sockets, strict=True)}
    for each in sockets:
        each.close()
    return ports


def write_ports_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write down the ports of a node's helpers before it starts.

    A node ends itself where its helpers, Python programs, have not written their ports down within 15 s;
    a machine that runs other tests takes longer. The ports are given, so they are known before.
    """
    from ray._private.node import Node

    raylet: Any = importlib.import_module("ray._raylet")
    original = Node.start_raylet

    def start_raylet(self: Any, *arguments: Any, **options: Any) -> Any:
        for name, parameter in zip(PORT_FILES, PORTS, strict=True):
            port = getattr(self._ray_params, parameter)
            raylet.persist_port(self._session_dir, self._node_id, getattr(raylet, name), port)
        return original(self, *arguments, **options)

    monkeypatch.setattr(Node, "start_raylet", start_raylet)


@contextmanager
def machines(n_nodes: int) -> Iterator[Machines]:
    """A cluster that this process is connected to."""
    monkeypatch = pytest.MonkeyPatch()
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)
    import ray

    started = None
    try:
        write_ports_down(monkeypatch)
        started = Machines(n_nodes)
        ray.init(
            address=started.address,
            _node_ip_address="127.0.0.2",
            log_to_driver=False,
            configure_logging=False,
            logging_level="error",
        )
        yield started
    finally:
        ray.shutdown()
        if started is not None:
            started.end()
        monkeypatch.undo()
