"""A refusal by a service, in the terms that gRPC and HTTP share."""

from __future__ import annotations

import grpc


class ServiceError(Exception):
    """Ends a request with a status code and the service's words.

    With `retry_after` the client is asked to wait so many seconds.
    """

    def __init__(self, code: grpc.StatusCode, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after = retry_after


def invalid(message: str) -> ServiceError:
    """Refuse a request that no state of the service could make right."""
    return ServiceError(grpc.StatusCode.INVALID_ARGUMENT, message)
