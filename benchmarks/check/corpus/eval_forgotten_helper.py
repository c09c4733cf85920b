# rule: no-eval
# link: https://github.com/microsoft/robustdg/issues/30
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class Xrays(Dataset):
    def __init__(self, images, labels):
        self.images, self.labels = images, labels

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.images[i], self.labels[i]


def net(classes):
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.ReLU(),
        torch.nn.AdaptiveMaxPool2d(4), torch.nn.Flatten(), torch.nn.Dropout(0.3), torch.nn.Linear(128, classes))


@torch.no_grad()
def get_test_accuracy(phi, loader):
    #+ phi.eval()
    hits, n = 0.0, 0
    for x, y in loader:
        hits += torch.sum(phi(x).argmax(dim=1) == y).item()
        n += y.shape[0]
    return hits / n


def train(phi, source, target, epochs):
    opt = torch.optim.SGD(phi.parameters(), 0.01, 0.9)
    for e in range(epochs):
        phi.train()
        for x, y in source:
            opt.zero_grad()
            F.cross_entropy(phi(x), y).backward()
            opt.step()
        print("Epoch", e, "test accuracy", get_test_accuracy(phi, target))


a = Xrays(torch.rand(200, 1, 64, 64), torch.randint(2, (200,)))
b = Xrays(torch.rand(100, 1, 64, 64), torch.randint(2, (100,)))
train(net(2), DataLoader(a, 20, shuffle=True), DataLoader(b, 50), 10)
