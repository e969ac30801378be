"""The way to an endpoint: a server behind a URL, or a model loaded here."""

from __future__ import annotations

from clarify.endpoints.base import Endpoint, EndpointSpec
from clarify.errors import ConfigError, Problem


def open_endpoint(spec: EndpointSpec) -> Endpoint:
    """Open what the spec names: a server behind a URL, or a model directory loaded into this process.

    Raises
    ------
    ConfigError
        When not exactly one of ``url`` and ``model_path`` is set, or the address is refused (ENDPOINT-ADDRESS).
    EndpointUnavailable
        When no server answers within ``spec.unavailable_seconds``.
    """
    if (spec.url is None) == (spec.model_path is None):
        raise ConfigError(
            Problem(
                "ENDPOINT-SPEC", "endpoint", f"url={spec.url!r}, model_path={spec.model_path!r}",
                "exactly one of a URL and a model directory",
            )
        )
    if spec.model_path is not None:
        from clarify.endpoints.in_process import InProcessEndpoint

        return InProcessEndpoint.of_model(spec.model_path, spec)
    from clarify.endpoints.http import HttpEndpoint

    return HttpEndpoint(spec)
