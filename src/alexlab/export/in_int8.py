"""An ONNX file whose convolutions and linear layers multiply whole numbers of 8 bits, by ONNX Runtime's own quantiser."""

import logging
import warnings
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from numpy.typing import NDArray

CALIBRATED_ON = 256  # training images
LAYERS = ["Conv", "Gemm"]  # the path to the input has none


def in_int8(content: bytes, batches: Iterable[NDArray[Any]]) -> bytes:
    """Return the ONNX file `content` with its layers in int8, their ranges taken from `batches` of what it takes.

    Weights are scaled by output channel, and keep to 7 bits: processors without VNNI add two products in 16 bits.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # the library ships no types
        def __init__(self, name: str) -> None:
            self._batches = ({name: batch} for batch in batches)

        def get_next(self) -> dict[str, NDArray[Any]] | None:
            return next(self._batches, None)

    model = onnx.load_from_string(content)
    kept, log = list(model.metadata_props), logging.getLogger()
    level = log.level
    log.setLevel(logging.ERROR)  # the quantiser advises to prepare the file first, which PyTorch's exporter has done
    try:
        with TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = Path(folder) / "made.onnx"
            quantize_static(
                model, made, Reader(model.graph.input[0].name), quant_format=QuantFormat.QDQ, op_types_to_quantize=LAYERS,
                per_channel=True, reduce_range=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
            )  # fmt: skip
            found = onnx.load(made)
    finally:
        log.setLevel(level)
    del found.metadata_props[:]
    found.metadata_props.extend(kept)
    found.ir_version = model.ir_version
    quantised: bytes = found.SerializeToString()
    return quantised
