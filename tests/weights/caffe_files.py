"""Caffe's files as Google's own protobuf library writes them, so that our reader is held against another writer."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("google.protobuf", reason="protobuf comes with tensorboard, a development dependency")
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

Array = np.ndarray[Any, np.dtype[Any]]
Field = descriptor_pb2.FieldDescriptorProto
# message: field, number, type, repeated. `data` is declared as bytes where the schema says packed floats: the wire is
# the same, and a quarter of a gigabyte is written in a moment. FloatBlob declares it as the schema does.
SCHEMA: dict[str, list[tuple[str, int, Any, bool]]] = {
    "BlobShape": [("dim", 1, Field.TYPE_INT64, True)],
    "BlobProto": [
        ("num", 1, Field.TYPE_INT32, False), ("channels", 2, Field.TYPE_INT32, False),
        ("height", 3, Field.TYPE_INT32, False), ("width", 4, Field.TYPE_INT32, False),
        ("data", 5, Field.TYPE_BYTES, False), ("shape", 7, "BlobShape", False),
        ("double_data", 8, Field.TYPE_DOUBLE, True),
    ],
    "FloatBlob": [("data", 5, Field.TYPE_FLOAT, True), ("shape", 7, "BlobShape", False)],
    "LayerParameter": [
        ("name", 1, Field.TYPE_STRING, False), ("type", 2, Field.TYPE_STRING, False),
        ("loss_weight", 5, Field.TYPE_FLOAT, True), ("blobs", 7, "BlobProto", True),
    ],
    "V1LayerParameter": [
        ("name", 4, Field.TYPE_STRING, False), ("type", 5, Field.TYPE_INT32, False), ("blobs", 6, "BlobProto", True),
    ],
    "NetParameter": [
        ("name", 1, Field.TYPE_STRING, False), ("layers", 2, "V1LayerParameter", True),
        ("layer", 100, "LayerParameter", True),
    ],
}  # fmt: skip


def _messages() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="caffe_for_tests.proto", package="caffe", syntax="proto2")
    for message, fields in SCHEMA.items():
        described = file.message_type.add(name=message)
        for name, number, kind, repeated in fields:
            field = described.field.add(name=name, number=number)
            field.label = Field.LABEL_REPEATED if repeated else Field.LABEL_OPTIONAL
            if isinstance(kind, str):
                field.type, field.type_name = Field.TYPE_MESSAGE, f".caffe.{kind}"
            else:
                field.type = kind
            if repeated and kind in (Field.TYPE_FLOAT, Field.TYPE_DOUBLE, Field.TYPE_INT64):
                field.options.packed = True
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"caffe.{name}")) for name in SCHEMA}


MESSAGES = _messages()


def blob(values: Array, old: bool = False) -> Any:
    """A BlobProto; `old` writes num, channels, height and width, with ones before the shape, as until 2014."""
    message = MESSAGES["BlobProto"](data=np.ascontiguousarray(values, "<f4").tobytes())
    if old:
        message.num, message.channels, message.height, message.width = (1,) * (4 - values.ndim) + values.shape
    else:
        message.shape.dim.extend(values.shape)
    return message


def caffemodel(weights: dict[str, tuple[Array, ...]], old: bool = False, name: str = "AlexNet") -> bytes:
    """A NetParameter with these layers in order; a layer without weights has an empty tuple."""
    net = MESSAGES["NetParameter"](name=name)
    for layer, values in weights.items():
        added = net.layers.add(name=layer, type=4) if old else net.layer.add(name=layer, type="Convolution")
        added.blobs.extend(blob(value, old) for value in values)
        if not old:
            added.loss_weight.append(1.0)
    written: bytes = net.SerializeToString()
    return written
