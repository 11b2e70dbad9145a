"""The OpenAPI document: what FastAPI says of the routes, with the forms of `shapes`, the names there are, and links."""

from typing import Any

from fastapi import FastAPI

from gatewise.serving.routes.shapes import schemas
from gatewise.serving.service import Service

_NAME = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
# Where an answer names a session, and what may be asked of it then.
_BEGINS = ("begin", "fork", "restore")


def document(app: FastAPI, service: Service) -> dict[str, Any]:
    """Return the document of an application that serves some models."""
    found = app.openapi()
    found.setdefault("components", {}).setdefault("schemas", {}).update(schemas(service.limits))
    operations = [(path, one) for path, methods in found["paths"].items() for one in methods.values()]
    links = _links(operations)
    for _, operation in operations:
        # No route has FastAPI's own complaint about bodies; ours are under "default".
        operation["responses"].pop("422", None)
        for parameter in operation.get("parameters", []):
            _describe(parameter, service)
        if operation["operationId"].startswith(_BEGINS):
            for status in ("200", "201"):
                operation["responses"][status]["links"] = links
    return found


def _describe(parameter: dict[str, Any], service: Service) -> None:
    """Say which values a parameter can have."""
    if parameter["in"] != "path":
        return
    if parameter["name"] == "session":
        parameter["schema"] = {"type": "string", "pattern": _NAME}
    elif parameter["name"] in ("model", "name") and service.models:
        parameter["schema"] = {"type": "string", "enum": sorted(service.models)}
    elif parameter["name"] == "version" and service.models:
        parameter["schema"] = {"type": "string", "enum": sorted({m.sha256[:12] for m in service.models.values()})}


def _links(operations: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """Return what can be asked of a session that an answer names."""
    return {
        operation["operationId"]: {
            "operationId": operation["operationId"],
            "parameters": {"session": "$response.body#/session"},
        }
        for path, operation in operations
        if "{session}" in path
    }
