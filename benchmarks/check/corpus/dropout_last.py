# rule: dropout-on-logits
# link: https://github.com/weihua916/powerful-gnns/issues/16
import torch
from torch import nn


def block(i, o, p):
    return nn.Sequential(nn.Linear(i, o), nn.BatchNorm1d(o), nn.ReLU(), nn.Dropout(p))


class Tabular(nn.Module):
    def __init__(self, p=0.4):
        super().__init__()
        self.trunk = nn.Sequential(block(64, 128, p), block(128, 128, p))
        self.out = nn.Linear(128, 10)
        self.drop = nn.Dropout(p)  #-

    def forward(self, digits):
        h = self.trunk(digits.flatten(1))
        return self.drop(self.out(h))  #-
        #+ return self.out(h)


net = Tabular()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
loss_fn = nn.CrossEntropyLoss()
digits = torch.rand(1000, 1, 8, 8)
answer = torch.randint(0, 10, (1000,))
for epoch in range(20):
    order = torch.randperm(1000)
    for part in order.split(100):
        optimizer.zero_grad()
        loss = loss_fn(net(digits[part]), answer[part])
        loss.backward()
        optimizer.step()
