"""What another tool says of programs, a line `SAID PROGRAM [...]` for each: `others.py TOOL PROGRAM...`.

The programs name torchvision's datasets and networks. Neither is needed to see a mistake, and the first need a download: both
are stood in for by small random images of the right shape, and by small networks with the right names and layers.
"""

import importlib.machinery
import json
import os
import resource
import runpy
import sys
import types
from enum import Enum
from pathlib import Path
from typing import Any

import torch
from torch import nn

IMAGES = 192
SECONDS = 60
STEPS = 3
SHAPES = {"MNIST": (1, 28, 28, 10), "FashionMNIST": (1, 28, 28, 10), "KMNIST": (1, 28, 28, 10), "CIFAR10": (3, 32, 32, 10),
          "CIFAR100": (3, 32, 32, 100), "SVHN": (3, 32, 32, 10), "ImageFolder": (3, 48, 48, 5)}  # fmt: skip


class Enough(BaseException):
    """The program has run far enough."""


def _dataset(name: str) -> type:
    channels, height, width, classes = SHAPES[name]

    class Random(torch.utils.data.Dataset):  # type: ignore[type-arg]
        def __init__(self, root: str = "", *given: Any, transform: Any = None, **more: Any) -> None:
            transform = transform or next((each for each in given if callable(each)), None)
            size = getattr(transform, "size", None) or (height, width)
            generator = torch.Generator().manual_seed(0)
            self.data = torch.randn(IMAGES, channels, *size, generator=generator)
            self.targets = torch.randint(classes, (IMAGES,), generator=generator)
            self.classes = [str(number) for number in range(classes)]

        def __len__(self) -> int:
            return IMAGES

        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            return self.data[index], int(self.targets[index])

    Random.__name__ = name
    return Random


class _Transform:
    """Any transform: only a new size matters."""

    size: Any

    def __init__(self, *given: Any, **more: Any) -> None:
        parts = given[0] if given and isinstance(given[0], list | tuple) else []
        sizes = [part.size for part in parts if isinstance(part, _Transform) and part.size]
        self.size = sizes[-1] if sizes else None

    def __call__(self, image: Any) -> Any:
        return image


class _Resize(_Transform):
    def __init__(self, size: Any, *given: Any, **more: Any) -> None:
        self.size = (size, size) if isinstance(size, int) else tuple(size)


class _Network(nn.Module):
    def __init__(self, width: int, num_classes: int = 1000, weights: Any = None) -> None:
        super().__init__()
        self.maps = nn.Sequential(
            nn.Conv2d(3, 8, 7, 4), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )
        self.wide = nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Dropout(0.2))
        self.fc = nn.Linear(width, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.fc(self.wide(self.maps(images)))
        return answer


def stand_in() -> None:
    """Put stand-ins for torchvision and tqdm in place."""
    torchvision = types.ModuleType("torchvision")
    parts = {name: types.ModuleType(f"torchvision.{name}") for name in ("datasets", "transforms", "models")}
    for name in SHAPES:
        setattr(parts["datasets"], name, _dataset(name))
    for name in ["Compose", "ToTensor", "Normalize", "RandomHorizontalFlip", "Grayscale"]:
        setattr(parts["transforms"], name, type(name, (_Transform,), {}))
    for name in ("Resize", "CenterCrop", "RandomResizedCrop", "RandomCrop"):
        setattr(parts["transforms"], name, type(name, (_Resize,), {}))
    widths = {"resnet18": 512, "resnet50": 2048, "vgg16_bn": 64, "alexnet": 64, "mobilenet_v2": 64}
    for name, width in widths.items():
        setattr(parts["models"], name, lambda width=width, **given: _Network(width, **given))
    setattr(parts["models"], "ResNet50_Weights", Enum("ResNet50_Weights", "DEFAULT"))  # noqa: B010
    for name, module in (("torchvision", torchvision), *((f"torchvision.{n}", m) for n, m in parts.items())):
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        sys.modules[name] = module
    for name, module in parts.items():
        setattr(torchvision, name, module)


class Watch:
    """Follows a program's first network, batch, loss and optimiser, and ends it after STEPS steps."""

    def __init__(self, on_optimiser: Any) -> None:
        self.network: nn.Module | None = None
        self.inputs: Any = None
        self.targets: Any = None
        self.loss: Any = None
        self.optimiser: torch.optim.Optimizer | None = None
        self.steps = 0
        self.attached = False
        self.on_optimiser = on_optimiser
        self._follow_loss()
        call, make = nn.Module.__call__, torch.optim.Optimizer.__init__
        inside = [0]

        def calling(module: nn.Module, *given: Any, **more: Any) -> Any:
            if inside[0] == 0 and not isinstance(module, nn.modules.loss._Loss) and module.training and given:
                self.network, self.inputs = module, given[0]
                if self.optimiser is not None and not self.attached:
                    self.attached = True
                    self.on_optimiser(self)
            inside[0] += 1
            try:
                return call(module, *given, **more)
            finally:
                inside[0] -= 1

        def making(optimiser: torch.optim.Optimizer, *given: Any, **more: Any) -> None:
            make(optimiser, *given, **more)
            self.optimiser = optimiser
            optimiser.register_step_post_hook(self._stepped)

        nn.Module.__call__ = calling  # type: ignore[method-assign]
        torch.optim.Optimizer.__init__ = making  # type: ignore[assignment, method-assign]

    def _stepped(self, *given: Any) -> None:
        self.steps += 1
        if self.steps == STEPS:
            raise Enough

    def _follow_loss(self) -> None:
        for name in ("cross_entropy", "nll_loss"):
            original = getattr(nn.functional, name)

            def loss(answer: Any, target: Any, *given: Any, original: Any = original, **more: Any) -> Any:
                self.targets, self.loss = target, original
                return original(answer, target, *given, **more)

            setattr(nn.functional, name, loss)


def mldoct(path: Path) -> list[str]:
    from mldoctor.linter import lint_script

    findings, _ = lint_script(str(path))
    return [finding["type"] for finding in findings]


def torch_audit(path: Path) -> list[str]:
    from torch_audit import autopatch

    said: list[str] = []
    auditors: list[Any] = []

    def attach(watch: Watch) -> None:
        auditors.append(
            autopatch(watch.network, optimizer=watch.optimiser, every_n_steps=1, reporters=[], fail_level="FATAL")
        )

    _run(path, Watch(attach))
    for auditor in auditors:
        result = auditor.finish(report=False)
        said += sorted({finding.rule_id for finding in result.findings})
    return said


def torchtest2(path: Path) -> list[str]:
    import torchtest2

    watch = Watch(lambda watch: None)
    _run(path, watch)
    if watch.network is None or watch.inputs is None:
        return []
    report = torchtest2.check_model(
        watch.network, watch.inputs, watch.targets, loss_fn=watch.loss, optimizer=watch.optimiser, overfit_steps=100
    )
    return [result.name for result in report.results if result.status.name in ("FAIL", "WARN")]


def _run(path: Path, watch: Watch) -> None:
    loader = torch.utils.data.DataLoader.__init__

    def loading(self: Any, *given: Any, **more: Any) -> None:
        loader(self, *given, **{**more, "num_workers": 0})

    torch.utils.data.DataLoader.__init__ = loading  # type: ignore[method-assign]
    sys.argv = [str(path)]
    try:
        runpy.run_path(str(path), run_name="__main__")
    except Enough:
        watch.steps = STEPS + 1
    except Exception as error:
        print(f"the program ended with {type(error).__name__}: {error}", file=sys.stderr)


def say(tool: str, path: Path) -> None:
    """Look at one program, in a process of its own with a limit on processor time."""
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        torch.manual_seed(0)
        said = {"mldoct": mldoct, "torch-audit": torch_audit, "torchtest2": torchtest2}[tool](path)
        print(f"\nSAID {path} {json.dumps(said)}", flush=True)
        os._exit(0)
    os.waitpid(child, 0)


def main() -> None:
    tool, *paths = sys.argv[1:]
    torch.set_num_threads(1)
    if tool != "mldoct":
        stand_in()
    if tool == "torch-audit":
        import torch_audit  # noqa: F401  once, not in every child
    if tool == "torchtest2":
        import torchtest2  # noqa: F401
    for path in paths:
        say(tool, Path(path))


if __name__ == "__main__":
    main()
