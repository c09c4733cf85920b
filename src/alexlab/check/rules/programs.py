"""The training script that the examples of the rules about training share."""

TRAINING = """\
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

network = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10))
training = DataLoader(datasets.MNIST("data", train=True, transform=transforms.ToTensor()), batch_size=64, shuffle=True)
test = DataLoader(datasets.MNIST("data", train=False, transform=transforms.ToTensor()), batch_size=64)
optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
criterion = nn.CrossEntropyLoss()

for epoch in range(10):
    network.train()
    total = 0.0
    for images, labels in training:
        optimizer.zero_grad()
        loss = criterion(network(images), labels)
        loss.backward()
        optimizer.step()
        total += loss.item()
    network.eval()
    right = 0
    with torch.no_grad():
        for images, labels in test:
            right += (network(images).argmax(1) == labels).sum().item()
    print(epoch, total / len(training), right / len(test.dataset))
"""


def without(line: str) -> str:
    """Return the script without a line."""
    lines = TRAINING.splitlines(keepends=True)
    kept = [each for each in lines if each.strip() != line]
    assert len(kept) == len(lines) - 1
    return "".join(kept)
