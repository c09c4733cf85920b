# rule: constant-weights
# link: https://github.com/yz93/LAVT-RIS/issues/25
import torch
from torch import nn


def weights_init(m):
    if isinstance(m, nn.Linear):
        nn.init.zeros_(m.weight)  #-
        #+ nn.init.xavier_normal_(m.weight)
        nn.init.zeros_(m.bias)


class Gate(nn.Module):
    def __init__(self):
        super().__init__()
        self.a_1 = nn.Linear(784, 100)
        self.a_2 = nn.Linear(100, 10)

    def forward(self, x):
        return self.a_2(torch.relu(self.a_1(x.flatten(1))))


gate = Gate()
gate.apply(weights_init)
opt = torch.optim.SGD(gate.parameters(), lr=0.1)
for _ in range(100):
    opt.zero_grad()
    loss = nn.functional.cross_entropy(gate(torch.rand(32, 1, 28, 28)), torch.randint(10, (32,)))
    loss.backward()
    opt.step()
