"""A service as tutorials write one: FastAPI, and the network asked in the handler. `RUN torch` or `FILE.onnx onnx`, and a port.

The path to the input is the run's own, so that all contenders answer the same question.
"""

import io
import sys
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI, UploadFile
from PIL import Image

app = FastAPI()
where, engine, port = sys.argv[1], sys.argv[2], int(sys.argv[3])

if engine == "torch":
    import torch

    from alexlab.data.input.transform import batch_of
    from alexlab.runs.run import Run

    run = Run(where)
    network, transform, classes = run.network(), run.transform, run.classes

    def answer(picture: Image.Image) -> Any:
        with torch.no_grad():
            inputs = transform(batch_of(transform.stored(picture)[None]))
            return torch.softmax(network(inputs), 1)[0].numpy()

else:
    from pathlib import Path

    from alexlab.export.onnx_file import OnnxFile

    file = OnnxFile(Path(where))
    classes = file.classes

    def answer(picture: Image.Image) -> Any:
        return file.probabilities(np.asarray(picture.convert("RGB"))[None])[0]


async def predict(image: UploadFile) -> dict[str, Any]:
    probabilities = answer(Image.open(io.BytesIO(await image.read())))
    first = np.argsort(-probabilities)[:5]
    return {"top": [{"class": classes[i], "probability": float(probabilities[i])} for i in first]}


app.post("/predict")(predict)
uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)
