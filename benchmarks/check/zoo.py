"""False alarms on other people's networks: fifty of timm's and all of torchvision's classifiers, built with random weights.

    pip install --no-deps --target ZOO timm==1.0.31 torchvision==0.28.0 huggingface_hub httpx httpcore h11 anyio pyyaml
    PYTHONPATH=ZOO python benchmarks/check/zoo.py [--trained]

Each is built without memory (device "meta") and traced at its own input size; with --trained the small ones are built on the
CPU, too, and tried on one batch. Errors and warnings are false alarms: these networks are right. Notes are counted.

timm needs torchvision, whose compiled part does not load beside every PyTorch. None of these networks uses it, but the import
stops where its operators `nms` and `qnms` are not declared; where that is so, the bare declaration is made here, without
anything behind it.
"""

import argparse
import importlib
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType

import torch
from torch import nn

from alexlab.check import Checked, check_network

TIMM = (
    "resnet18", "resnet34", "resnet50", "resnet50d", "resnet101", "resnext50_32x4d", "wide_resnet50_2",
    "seresnet50", "res2net50_26w_4s", "resnest50d", "regnetx_016", "regnety_016", "regnety_032", "vgg11",
    "vgg16", "vgg16_bn", "densenet121", "inception_v3", "inception_v4", "inception_resnet_v2", "xception41",
    "efficientnet_b0", "efficientnet_b3", "tf_efficientnetv2_s", "mobilenetv2_100", "mobilenetv3_large_100",
    "mobilenetv3_small_100", "mnasnet_100", "ghostnet_100", "lcnet_100", "convnext_tiny", "convnextv2_nano",
    "vit_tiny_patch16_224", "vit_small_patch16_224", "vit_base_patch16_224", "deit_small_patch16_224",
    "deit3_small_patch16_224", "beit_base_patch16_224", "swin_tiny_patch4_window7_224",
    "swinv2_tiny_window8_256", "cait_xxs24_224", "pit_s_224", "levit_128", "mixer_b16_224", "resmlp_12_224",
    "poolformer_s12", "coatnet_0_rw_224", "maxvit_tiny_tf_224", "mobilevit_s", "edgenext_small", "dla34",
    "hrnet_w18_small",
)  # fmt: skip
SMALL = (
    "resnet18", "resnet34", "mobilenetv2_100", "mobilenetv3_small_100", "efficientnet_b0",
    "vit_tiny_patch16_224", "regnetx_016", "lcnet_100",
)  # fmt: skip


def torchvision_and_timm() -> tuple[ModuleType, ModuleType]:
    """The two libraries, with the declaration of the operators that are missing. Raises ImportError."""
    for _ in range(8):
        try:
            importlib.import_module("torchvision")
            break
        except RuntimeError as error:
            missing = re.search(r"operator torchvision::(\w+) does not exist", str(error))
            if missing is None:
                raise
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        _DECLARED.append(torch.library.Library("torchvision", "FRAGMENT"))
        _DECLARED[-1].define(f"{missing[1]}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return importlib.import_module("torchvision"), importlib.import_module("timm")


_DECLARED: list[torch.library.Library] = []


def networks() -> Iterator[tuple[str, Callable[[], nn.Module], tuple[int, int, int]]]:
    """Name, builder and input shape of each."""
    _, timm = torchvision_and_timm()
    for name in TIMM:
        shape = timm.get_pretrained_cfg(name).input_size
        yield f"timm {name}", partial(timm.create_model, name, pretrained=False), shape
    models = importlib.import_module("torchvision.models")
    for name in models.list_models(module=models):
        side = 299 if name == "inception_v3" else 224
        more = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}
        yield f"torchvision {name}", partial(models.get_model, name, weights=None, **more), (3, side, side)


def checked(
    make: Callable[[], nn.Module], shape: tuple[int, int, int], device: str = "meta", seconds: float = 0.0
) -> Checked:
    try:
        with torch.device(device):
            network = make()
    except NotImplementedError:  # it computes its widths with tensors
        network = make().to(device)
    return check_network(network, shape, 1000, "cross_entropy", seconds, fresh=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trained", action="store_true")
    arguments = parser.parse_args()
    count, alarms, notes = 0, [], Counter[str]()
    for name, make, shape in networks():
        if arguments.trained and name.removeprefix("timm ") not in SMALL:
            continue
        seen = checked(make, shape, "cpu", 20.0) if arguments.trained else checked(make, shape)
        said = [f"{f.severity} {f.rule} {f.layer}" for f in seen.findings if f.severity != "note"]
        notes.update({f.rule for f in seen.findings if f.severity == "note"})
        unseen = [each for each in seen.unseen if "batch" not in each and "on the CPU" not in each]
        count += 1
        if said or unseen:
            alarms.append(name)
            print(name, *said, *unseen, sep="\n    ", flush=True)
    print(f"{count} networks, {len(alarms)} with an error, a warning or a failure; notes: {dict(notes)}")


if __name__ == "__main__":
    main()
