"""A run as a file: it says what the run says, without torch, or it is not written."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import alexlab
from alexlab.data.input.transform import Transform, batch_of
from alexlab.errors import UserError
from alexlab.export import exporting
from alexlab.export.exporting import export
from alexlab.export.onnx_file import OnnxFile
from alexlab.export.program import program
from alexlab.export.to_onnx import onnx_file
from alexlab.networks.alexnet_2012 import Widths, alexnet_2012
from alexlab.recipes.schema import Recipe
from tests.conftest import write_photographs
from tests.typed import Command


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> alexlab.Run:
    """A network that tells red pictures from blue ones."""
    folder = tmp_path_factory.mktemp("colours")
    write_photographs(folder / "photos", each=20)
    how: dict[str, Any] = {"input": [3, 16, 16], "store": 20, "fit": "crop", "epochs": 10, "batch": 8, "device": "cpu"}
    return alexlab.train("lenet-relu", f"folder:{folder / 'photos'}", out=folder / "run", **how)


@pytest.fixture(scope="module")
def exported(colours: alexlab.Run) -> exporting.Export:
    return export(colours, colours.folder.parent / "colours.onnx")


def pictures_of_every_kind(folder: Path) -> list[str]:
    """Red and blue pictures of odd sizes: turned by EXIF, grey, with alpha, CMYK, with a palette, of 16 bits."""
    folder.mkdir()
    random = np.random.default_rng(1)
    made = []
    for number, size in enumerate([(31, 47), (64, 33), (25, 90)]):
        pixels = random.integers(0, 70, (*size, 3), dtype=np.uint8)
        pixels[..., 2 * (number % 2)] += 150
        picture = Image.fromarray(pixels)
        exif = Image.Exif()
        exif[0x0112] = 3 + 3 * (number % 2)
        alpha = picture.copy()
        alpha.putalpha(Image.fromarray(random.integers(0, 256, size, dtype=np.uint8)))
        for name, each, how in (
            ("turned.jpg", picture, {"exif": exif, "quality": 95}),
            ("grey.png", picture.convert("L"), {}),
            ("alpha.png", alpha, {}),
            ("cmyk.jpg", picture.convert("CMYK"), {"quality": 95}),
            ("palette.gif", picture.convert("P"), {}),
            ("deep.png", Image.fromarray(random.integers(0, 65536, size).astype(np.uint16)), {}),
        ):
            each.save(folder / f"{number}-{name}", **how)
            made.append(str(folder / f"{number}-{name}"))
    return made


def test_an_export_is_held_against_the_run(colours: alexlab.Run, exported: exporting.Export) -> None:
    found = exported.agreement
    assert found.images == len(colours.held_out_images()) and found.same == found.images and found.largest < 1e-5
    assert exported.facts["classes"] == list(colours.classes) and exported.facts["recipe"]["store"] == [3, 20, 20]


def test_the_file_says_of_pictures_of_every_kind_what_the_run_says(
    colours: alexlab.Run, exported: exporting.Export
) -> None:
    paths = pictures_of_every_kind(Path("kinds"))
    file = OnnxFile(exported.path)
    for path, prediction in zip(paths, file.predictions((p, Path(p).read_bytes()) for p in paths), strict=True):
        wanted = colours.predict(path, device="cpu")
        assert [name for name, _ in prediction.top] == [name for name, _ in wanted.top], path
        assert [p for _, p in prediction.top] == pytest.approx([p for _, p in wanted.top], abs=1e-5), path


def test_a_batch_is_answered_as_its_images_alone(exported: exporting.Export) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 41, 29, 3), dtype=np.uint8)
    file = OnnxFile(exported.path)
    alone = np.concatenate([file.probabilities(each[None]) for each in pixels])
    assert np.allclose(file.probabilities(pixels), alone, atol=1e-6) and np.allclose(alone.sum(axis=1), 1)


def test_predicting_with_a_file_imports_no_torch(exported: exporting.Export) -> None:
    Image.new("RGB", (30, 40), (220, 20, 20)).save("red.png")
    code = (
        "import sys\nfrom alexlab.cli import main\n"
        f"sys.argv = ['alexlab', 'predict', {str(exported.path)!r}, 'red.png', '--json']\n"
        "try: main()\nexcept SystemExit as end: print(end.code, 'torch' in sys.modules, 'onnxruntime' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert json.loads(found[0])["top"][0]["class"] == "red" and found[1] == "0 False True"


def test_predicting_has_the_formats_that_it_has_with_a_run(
    alexlab: Command, colours: alexlab.Run, exported: exporting.Export
) -> None:
    shutil.copy(colours.folder.parent / "photos" / "blue" / "3.png", "blue.png")  # not far from what the run has seen
    Path("text.png").write_text("no picture")
    for how in ((), ("--csv",), ("--json", "--top", "1")):
        by_run, by_file = (
            alexlab("predict", str(what), "blue.png", "text.png", *how) for what in (colours.folder, exported.path)
        )
        assert by_file.returncode == by_run.returncode == 1 and by_file.stderr == by_run.stderr
        assert len(by_file.stdout.splitlines()) == len(by_run.stdout.splitlines())
        if not how:
            assert by_file.stdout == by_run.stdout


def test_a_graph_that_begins_at_the_input_takes_what_the_path_makes(colours: alexlab.Run) -> None:
    import onnxruntime

    made = export(colours, Path("plain.onnx"), begins="input")
    assert made.agreement.largest < 1e-5
    inputs = torch.rand(3, 3, 16, 16)
    logits = onnxruntime.InferenceSession("plain.onnx").run(None, {"input": inputs.numpy()})[0]
    with torch.no_grad():
        assert np.allclose(logits, colours.network()(inputs).numpy(), atol=1e-4)
    with pytest.raises(UserError, match="takes the network's input"):
        OnnxFile(Path("plain.onnx"))


def test_an_export_that_says_something_else_is_not_written(
    colours: alexlab.Run, monkeypatch: pytest.MonkeyPatch
) -> None:

    def made(run: alexlab.Run, _: object, facts: dict[str, Any]) -> bytes:
        return onnx_file(_other(run), program(_other(run)), facts)

    monkeypatch.setattr(exporting, "onnx_file", made)
    with pytest.raises(UserError, match=r"not written, as the export does not say what the run says"):
        export(colours, Path("other.onnx"))
    assert not Path("other.onnx").exists()


def _other(run: alexlab.Run) -> alexlab.Run:
    """The run with a last layer that says red for blue."""
    other = alexlab.Run(run.folder)
    last = [layer for layer in other.network().modules() if isinstance(layer, nn.Linear)][-1]
    with torch.no_grad():
        last.weight.neg_()
        assert last.bias is not None
        last.bias.neg_()
    return other


def test_mistakes_are_said_in_a_line(alexlab: Command, colours: alexlab.Run) -> None:
    Path("empty").mkdir()
    Path("noise.onnx").write_bytes(b"no file of ONNX")
    for arguments, said in (
        (("export", str(colours.folder), "-o", "colours.bin"), "expected a name that ends in .onnx"),
        (("export", str(colours.folder), "-o", "a.onnx", "--on", "nowhere"), "no such file or folder"),
        (("export", str(colours.folder), "-o", "a.onnx", "--on", "empty"), "holds no images"),
        (("export", "nowhere", "-o", "a.onnx"), "no such folder"),
        (("predict", "noise.onnx", "a.png"), "no ONNX file that ONNX Runtime can read"),
        (("predict", "missing.onnx", "a.png"), "no such file"),
    ):
        found = alexlab(*arguments)
        assert found.returncode == 2 and said in found.stderr and "Traceback" not in found.stderr, found.stderr


def test_a_program_of_torch_export_is_loaded_without_alexlab(colours: alexlab.Run) -> None:
    assert export(colours, Path("colours.pt2"), "torch").agreement.largest < 1e-5
    Image.new("RGB", (37, 21), (200, 30, 30)).save("red.png")
    code = (
        "import sys, json, numpy, torch\nfrom PIL import Image\n"
        "extra = {'alexlab.json': ''}\n"
        "program = torch.export.load('colours.pt2', extra_files=extra).module()\n"
        "pixels = torch.tensor(numpy.asarray(Image.open('red.png')))[None]\n"
        "print(json.dumps([program(pixels)[0].tolist(), json.loads(extra['alexlab.json'])['classes'], 'alexlab' in sys.modules]))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    probabilities, classes, ours = json.loads(found)
    wanted = dict(colours.predict("red.png", device="cpu").top)
    assert dict(zip(classes, probabilities, strict=True)) == pytest.approx(wanted, abs=1e-5) and not ours


def test_a_model_for_triton_is_as_its_protobuf_says(colours: alexlab.Run) -> None:
    import onnxruntime
    from google.protobuf import text_format
    from tritonclient.grpc import model_config_pb2

    made = export(colours, Path("models/colours"), "triton")
    config = model_config_pb2.ModelConfig()
    text_format.Parse((made.path / "config.pbtxt").read_text(), config)
    assert config.name == "colours" and config.platform == "onnxruntime_onnx" and config.max_batch_size > 1
    assert config.HasField("dynamic_batching")
    held = onnxruntime.InferenceSession(made.path / "1" / "model.onnx")
    for said, there in ((config.input, held.get_inputs()), (config.output, held.get_outputs())):
        assert [each.name for each in said] == [each.name for each in there]
        sizes = [size if isinstance(size, int) else -1 for size in there[0].shape]
        assert [-1, *said[0].dims] == sizes
    assert held.get_inputs()[0].type == "tensor(uint8)" and config.input[0].data_type == model_config_pb2.TYPE_UINT8
    labels = (made.path / config.output[0].label_filename).read_text().splitlines()
    assert labels == list(colours.classes)
    with pytest.raises(UserError, match="exists already"):
        export(colours, Path("models/colours"), "triton")


OWN = """
import torch
from torch import nn


class Base(nn.Module):
    def __init__(self, classes=2):
        super().__init__()
        self.features = nn.Sequential(nn.LazyConv2d(6, 3), nn.BatchNorm2d(6), nn.SiLU(), nn.AdaptiveAvgPool2d(4))
        self.head = nn.Linear(96, classes)


class Good(Base):
    def forward(self, images):
        return self.head(self.features(images).flatten(1))


class LooksAtValues(Base):
    def forward(self, images):
        features = self.features(images)
        if features.mean() > 0.5:
            features = features * 2
        return self.head(features.flatten(1))
"""


def own_run(name: str) -> alexlab.Run:
    """A run of the user's own network, trained for a step."""
    Path("own.py").write_text(OWN)
    photos = write_photographs(Path("photos"), each=8)
    how: dict[str, Any] = {"input": [3, 16, 16], "epochs": 1, "batch": 4, "device": "cpu"}
    return alexlab.train(f"own.py:{name}", f"folder:{photos}", out=Path(name), **how)


def test_a_network_of_the_users_own() -> None:
    made = export(own_run("Good"), Path("good.onnx"))
    assert made.agreement.same == made.agreement.images and made.agreement.largest < 1e-5


def test_a_network_that_cannot_be_one_graph_is_said_to_be_none() -> None:
    run = own_run("LooksAtValues")
    with pytest.raises(
        UserError, match=r"LooksAtValues: PyTorch cannot export this network: .*own\.py, line 21"
    ) as said:
        export(run, Path("other.onnx"))
    assert len(str(said.value).splitlines()) == 1 and not Path("other.onnx").exists()


def test_int8_says_what_it_costs(colours: alexlab.Run, exported: exporting.Export) -> None:
    import onnx

    made = export(colours, Path("small.onnx"), precision="int8")
    assert made.agreement.accuracies and made.agreement.images == colours.division["watched"]["images"]  # type: ignore[index]
    assert made.agreement.accuracies[0] >= 0.9 and "in int8" in made.agreement.words
    graph = onnx.load("small.onnx").graph
    whole = [each for each in graph.initializer if each.data_type == onnx.TensorProto.INT8 and len(each.dims) > 1]
    layers = [each for each in colours.network().modules() if isinstance(each, nn.Conv2d | nn.Linear)]
    assert len(whole) == len(layers) and made.bytes < exported.bytes
    Image.new("RGB", (30, 40), (220, 20, 20)).save("red.png")
    answer = next(OnnxFile(made.path).predictions([("red.png", Path("red.png").read_bytes())]))
    assert answer.top[0][0] == "red" and OnnxFile(made.path).facts["precision"] == "int8"


def test_int8_that_costs_too_much_is_not_written(colours: alexlab.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    other = _other(colours)
    wrong = onnx_file(other, program(other, "pixels"), {"begins": "pixels"})
    monkeypatch.setattr(exporting, "in_int8", lambda content, batches: wrong)
    with pytest.raises(UserError, match=r"not written.*int8 may cost 2% of the images"):
        export(colours, Path("small.onnx"), precision="int8")
    assert not Path("small.onnx").exists()


@pytest.mark.parametrize("begins", ["pixels", "input"])
def test_two_towers_and_their_normalisations(begins: str) -> None:
    """AlexNet as it ran, narrower: what its LRN computes in chunks is a few plain operations in a graph."""
    import onnxruntime

    torch.manual_seed(0)
    network = alexnet_2012(5, (3, 67, 67), Widths(8, 16, 16, 16, 16, 32)).eval()
    ready = Transform(store=(3, 70, 70), fit="crop", input=(3, 67, 67), view="centre", pixels="0-255")
    run = cast(
        alexlab.Run, SimpleNamespace(network=lambda: network, transform=ready, recipe=Recipe(network="alexnet-2012"))
    )
    session = onnxruntime.InferenceSession(onnx_file(run, program(run, begins), {"begins": begins}))
    pixels = np.random.default_rng(0).integers(0, 256, (3, 91, 80, 3), dtype=np.uint8)
    inputs = ready(batch_of(np.stack([ready.stored(each) for each in pixels])))
    with torch.no_grad():
        logits = network(inputs)
    taken, wanted = (pixels, logits.softmax(1)) if begins == "pixels" else (inputs.numpy(), logits)
    found = session.run(None, {session.get_inputs()[0].name: taken})[0]
    assert np.allclose(found, wanted.numpy(), atol=1e-5 * float(wanted.abs().max()))
