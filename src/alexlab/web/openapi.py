"""The service's addresses in OpenAPI 3.1, for clients that are generated and tests that are."""

from collections.abc import Sequence
from typing import Any

from pydantic.json_schema import models_json_schema

from alexlab.web.bodies import MOST_IMAGES, Pictures
from alexlab.web.inference_protocol import Inference

_STRING: dict[str, Any] = {"type": "string"}
_BINARY: dict[str, Any] = {"type": "string", "format": "binary"}
_PREDICTION: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {**_STRING, "description": "the file's, as the client gave it"},
        "top": {
            "type": "array",
            "description": "the most probable classes, the first first",
            "items": {
                "type": "object",
                "properties": {"class": _STRING, "probability": {"type": "number", "minimum": 0, "maximum": 1.0001}},
                "required": ["class", "probability"],
            },
        },
        "error": {**_STRING, "description": "why this image has no answer, where others have"},
    },
}
_TENSOR: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": _STRING,
        "datatype": _STRING,
        "shape": {"type": "array", "items": {"type": "integer"}},
    },
    "required": ["name", "datatype", "shape"],
}


def document(version: str, names: Sequence[str]) -> dict[str, Any]:
    """Return the OpenAPI document of a service of models with these names."""
    _, definitions = models_json_schema(
        [(Pictures, "validation"), (Inference, "validation")], ref_template="#/components/schemas/{model}"
    )
    schemas: dict[str, Any] = {
        **definitions.get("$defs", {}),
        "Error": _object({"error": _STRING}, "One plain sentence."),
        "Predictions": _object({"model": _STRING, "predictions": {"type": "array", "items": _PREDICTION}}),
        "Answers": _object(
            {"model_name": _STRING, "model_version": _STRING, "outputs": {"type": "array", "items": _TENSOR}}
        ),
        "Metadata": _object(
            {
                "name": _STRING,
                "versions": {"type": "array", "items": _STRING},
                "platform": _STRING,
                "inputs": {"type": "array", "items": _TENSOR},
                "outputs": {"type": "array", "items": _TENSOR},
            }
        ),
    }
    model = {"name": "model", "in": "path", "required": True, "schema": {**_STRING, "enum": list(names)}}
    paths = {
        "/predict": {
            "post": {
                "summary": "The most probable classes of images",
                "parameters": [
                    _query("model", {**_STRING, "enum": list(names)}, "which model, where several are served"),
                    _query("top", {"type": "integer", "minimum": 1, "maximum": 1_000_000}, "how many classes to name"),
                ],
                "requestBody": {
                    "required": True,
                    "content": {
                        "multipart/form-data": {
                            "schema": {
                                "type": "object",
                                "properties": {"image": {"type": "array", "items": _BINARY, "maxItems": MOST_IMAGES}},
                                "required": ["image"],
                            }
                        },
                        "application/json": {"schema": {"$ref": "#/components/schemas/Pictures"}},
                        "image/*": {"schema": _BINARY},
                        "application/octet-stream": {"schema": _BINARY},
                    },
                },
                "responses": _responses("Predictions"),
            }
        },
        "/v2": {"get": {"summary": "The server", "responses": _responses()}},
        "/v2/health/live": {"get": {"summary": "Whether the process answers", "responses": _responses()}},
        "/v2/health/ready": {"get": {"summary": "Whether models answer", "responses": _responses()}},
        "/health/live": {"get": {"summary": "Whether the process answers", "responses": _responses()}},
        "/health/ready": {"get": {"summary": "Whether models answer", "responses": _responses()}},
        "/v2/models/{model}": {
            "get": {
                "summary": "What a model takes and gives",
                "parameters": [model],
                "responses": _responses("Metadata"),
            }
        },
        "/v2/models/{model}/ready": {
            "get": {"summary": "Whether a model answers", "parameters": [model], "responses": _responses()}
        },
        "/v2/models/{model}/infer": {
            "post": {
                "summary": "Answers, by the Open Inference Protocol",
                "parameters": [model],
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Inference"}},
                        "application/octet-stream": {"schema": _BINARY},
                    },
                },
                "responses": {
                    **_responses("Answers"),
                    "200": {
                        "description": "Answers; where binary data is asked for, JSON and the tensors after it.",
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/Answers"}},
                            "application/octet-stream": {"schema": _BINARY},
                        },
                    },
                },
            }
        },
        "/metrics": {
            "get": {
                "summary": "Prometheus metrics",
                "responses": {
                    **_responses(),
                    "200": {"description": "Metrics", "content": {"text/plain": {"schema": _STRING}}},
                },
            }
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "alexlab", "version": version, "description": "Image classifiers that alexlab trained."},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _object(properties: dict[str, Any], description: str | None = None) -> dict[str, Any]:
    told = {"description": description} if description else {}
    return {"type": "object", **told, "properties": properties, "required": list(properties)}


def _query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


def _responses(schema: str | None = None) -> dict[str, Any]:
    told = {"$ref": f"#/components/schemas/{schema}"} if schema else {"type": "object"}
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {
        "200": {"description": "The answer", "content": {"application/json": {"schema": told}}},
        "4XX": {"description": "Why there is no answer", "content": error},
        "5XX": {"description": "Why there is no answer", "content": error},
    }
