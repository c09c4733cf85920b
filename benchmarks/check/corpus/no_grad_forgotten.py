# rule: no-no-grad
# link: https://github.com/hszhao/semseg/issues/60
import time

import torch
import torchvision as tv
from torch import nn


def validate(val_loader, model, criterion):
    model.eval()
    end = time.time()
    worst, hits = 0.0, 0
    for i, (input, target) in enumerate(val_loader):
        output = model(input)  #-
        #+ with torch.no_grad():
        #+     output = model(input)
        loss = criterion(output, target)
        worst = max(worst, loss.item())
        hits += output.max(1)[1].eq(target).sum().item()
        if (i + 1) % 10 == 0:
            print("Test: [{}/{}] {:.1f}s".format(i + 1, len(val_loader), time.time() - end))
    return hits, worst


def train(train_loader, model, optimizer, criterion):
    model.train()
    for i, (input, target) in enumerate(train_loader):
        output = model(input)
        loss = criterion(output, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def main():
    net = tv.models.mobilenet_v2(num_classes=10)
    crit = nn.CrossEntropyLoss()
    opt = torch.optim.SGD(net.parameters(), 0.05, momentum=0.9, weight_decay=4e-5)
    aug = tv.transforms.Compose([tv.transforms.RandomCrop(32, padding=4), tv.transforms.RandomHorizontalFlip(),
                                 tv.transforms.ToTensor()])
    a = tv.datasets.CIFAR10("d", train=True, transform=aug)
    b = tv.datasets.CIFAR10("d", train=False, transform=tv.transforms.ToTensor())
    la = torch.utils.data.DataLoader(a, batch_size=128, shuffle=True, num_workers=4)
    lb = torch.utils.data.DataLoader(b, batch_size=100, num_workers=4)
    for epoch in range(200):
        train(la, net, opt, crit)
        print(validate(lb, net, crit))


if __name__ == "__main__":
    main()
