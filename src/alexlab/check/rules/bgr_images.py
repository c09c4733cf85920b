"""OpenCV's BGR images taken for RGB."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.reading.values import Made
from alexlab.check.rule import Evidence, Rule, found

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_RGB = ("torchvision.datasets.ImageFolder", "torchvision.datasets.CIFAR10", "torchvision.datasets.CIFAR100")


def _find(evidence: Evidence) -> Iterator[Finding]:
    program = evidence.program
    if program is None:
        return
    rgb = program.pretrained or any(isinstance(made, Made) and _expects_rgb(made) for made in program.made)
    seen: set[object] = set()
    for event in program.events:
        if event.kind != "image" or event.place in seen or not rgb:
            continue
        flags = event.subject.arguments.get("flags", 1)
        if flags != 1:
            continue  # grey, or not known
        seen.add(event.place)
        message = Text(
            "this image was read by OpenCV, whose channels are blue, green, red, and goes on as red, green, blue: a "
            "pretrained network, ImageNet's constants or the other images of this script expect that.",
            "这幅图像由 OpenCV 读取，通道顺序是蓝、绿、红，却当作红、绿、蓝来用：预训练网络、ImageNet 的常数或脚本中的其他图像都要求后者。",
        )
        yield found(RULE.name, "warning", evidence, None, message, RULE.mend, event.place)


def _expects_rgb(made: Made) -> bool:
    mean = made.arguments.get("mean")
    return made.name in _RGB or (isinstance(mean, tuple | list) and tuple(mean) == _IMAGENET_MEAN)


_PROGRAM = """\
import cv2
import torch
from torchvision import models, transforms

prepare = transforms.Compose([
    transforms.ToTensor(), transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
])
network = models.resnet18(weights="DEFAULT").eval()
image = cv2.imread("cat.jpg"){convert}
with torch.no_grad():
    print(network(prepare(image).unsqueeze(0)).argmax(1))
"""

RULE = Rule(
    name="bgr-images",
    title=Text("RGB and BGR mixed", "混用 RGB 和 BGR"),
    why=Text(
        "OpenCV reads images as blue, green, red; PIL, torchvision and every network of theirs work with red, green, "
        "blue. Nothing fails: red and blue change places, and the network sees colours that it was not trained on.",
        "OpenCV 读出的是蓝、绿、红；PIL、torchvision 及其所有网络用的是红、绿、蓝。不会报错：红与蓝互换，网络看到的是没有训练过的颜色。",
    ),
    mend=Text("convert it: `image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)`, or read it with `PIL.Image.open`.",
              "转换它：`image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)`，或用 `PIL.Image.open` 读取。"),
    find=_find,
    bad=_PROGRAM.format(convert=""),
    good=_PROGRAM.format(convert="\nimage = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)"),
)  # fmt: skip
