# rule: train-not-resumed
# link: https://github.com/wkentaro/pytorch-fcn/pull/56
import torch
from torch import nn
from torchvision import datasets, transforms


class Trainer(object):
    def __init__(self, model, optimizer, train_loader, val_loader):
        self.model, self.optim = model, optimizer
        self.train_loader, self.val_loader = train_loader, val_loader
        self.iteration = 0

    def validate(self):
        self.model.eval()
        val = 0.0
        with torch.no_grad():
            for data, target in self.val_loader:
                score = self.model(data)
                val += nn.functional.cross_entropy(score, target).item()
        print("val", val / len(self.val_loader))
        #+ self.model.train()

    def train_epoch(self):
        self.model.train()
        for batch_idx, (data, target) in enumerate(self.train_loader):
            self.iteration += 1
            if self.iteration % 400 == 0:
                self.validate()
            self.optim.zero_grad()
            score = self.model(data)
            loss = nn.functional.cross_entropy(score, target)
            loss.backward()
            self.optim.step()


net = nn.Sequential(nn.Flatten(), nn.Linear(784, 400), nn.ReLU(), nn.Dropout(0.5), nn.Linear(400, 10))
a = torch.utils.data.DataLoader(datasets.MNIST("e", train=True, transform=transforms.ToTensor()), 64, shuffle=True)
b = torch.utils.data.DataLoader(datasets.MNIST("e", train=False, transform=transforms.ToTensor()), 64)
trainer = Trainer(net, torch.optim.SGD(net.parameters(), lr=0.01), a, b)
for epoch in range(10):
    trainer.train_epoch()
