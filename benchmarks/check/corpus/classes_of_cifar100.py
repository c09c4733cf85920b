# rule: class-count
# link: https://github.com/YousefGamal220/Vision-Transformers/issues/1
import argparse

import torch
import torchvision
import torchvision.transforms as T

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
args = parser.parse_args()

NUM_CLASSES = 10  #-
#+ NUM_CLASSES = 100


class Small(torch.nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.stem = torch.nn.Sequential(
            torch.nn.Conv2d(3, 32, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(4),
            torch.nn.Conv2d(32, 64, 3, padding=1), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1))
        self.head = torch.nn.Linear(64, classes)

    def forward(self, x):
        return self.head(self.stem(x).flatten(1))


train_set = torchvision.datasets.CIFAR100("data", train=True, transform=T.Compose([T.RandomHorizontalFlip(), T.ToTensor()]))
train_loader = torch.utils.data.DataLoader(train_set, batch_size=128, shuffle=True)
model = Small(NUM_CLASSES)
optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, nesterov=True)
for inputs, targets in train_loader:
    loss = torch.nn.functional.cross_entropy(model(inputs), targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
