"""The plain PyTorch loops of two tutorials: a data set that works image by image, a data loader, the network, the update."""

import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset

import alexlab
from alexlab.data.images import Split

Example = tuple[torch.Tensor, int]


class Pictures(Dataset[Example]):
    """Images as torchvision's data sets give them: a Pillow image each time, and a transform."""

    def __init__(self, split: Split, transform: Callable[[Image.Image], torch.Tensor]) -> None:
        self.split, self.transform = split, transform

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, i: int) -> Example:
        return self.transform(self.split.images.picture(i)), int(self.split.labels[i])


def to_tensor(picture: Image.Image) -> torch.Tensor:
    """What torchvision's ToTensor does, call by call: uint8 (H, W) to float32 (1, H, W) at 0 to 1."""
    pixels = torch.from_numpy(np.array(picture, np.uint8, copy=True))
    pixels = pixels.view(picture.size[1], picture.size[0], len(picture.getbands()))
    return pixels.permute(2, 0, 1).contiguous().to(dtype=torch.get_default_dtype()).div(255)


def normalised(image: torch.Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> torch.Tensor:
    """What torchvision's Normalize does, call by call."""
    image = image.clone()
    means = torch.as_tensor(mean, dtype=image.dtype, device=image.device)
    deviations = torch.as_tensor(std, dtype=image.dtype, device=image.device)
    if (deviations == 0).any():
        raise ValueError("a deviation is zero")
    return image.sub_(means.view(-1, 1, 1)).div_(deviations.view(-1, 1, 1))


def trained(
    network: nn.Module,
    data: Dataset[Example],
    batch: int,
    workers: int,
    rate: float,
    momentum: float,
    steps: int,
    skip: int,
) -> float:
    """Images per second of updates `skip` to `steps`, data included; the first ones start the workers."""
    warnings.filterwarnings("ignore", message="This DataLoader will create")  # the tutorial's number of workers
    loader = DataLoader(data, batch, shuffle=True, num_workers=workers)
    optimiser = torch.optim.SGD(network.parameters(), lr=rate, momentum=momentum)
    loss = nn.CrossEntropyLoss()
    began = 0.0
    for step, (images, labels) in enumerate(loader):
        if step == skip:
            began = time.perf_counter()
        optimiser.zero_grad()
        loss(network(images), labels).backward()
        optimiser.step()
        if step == steps:
            break
    return batch * (steps - skip) / (time.perf_counter() - began)


def textbook_alexnet(steps: int, skip: int = 1) -> float:
    """The chapter's AlexNet on Fashion-MNIST: a Pillow resize to 224 for each image and epoch, 4 workers, SGD 0.01, batch 128."""
    data = Pictures(
        alexlab.dataset("fashion-mnist").train,
        lambda picture: to_tensor(picture.resize((224, 224), Image.Resampling.BILINEAR)),
    )
    return trained(alexlab.network("alexnet-textbook", initialisation="xavier"), data, 128, 4, 0.01, 0.0, steps, skip)


def tutorial_lenet(steps: int, skip: int = 50) -> float:
    """The LeNet tutorial's loop on MNIST: to [-1, 1] image by image, batch 64, SGD 0.001 with momentum, no workers."""
    data = Pictures(alexlab.dataset("mnist").train, lambda picture: normalised(to_tensor(picture), (0.5,), (0.5,)))
    return trained(alexlab.network("lenet-relu"), data, 64, 0, 0.001, 0.9, steps, skip)
