# rule: loss-keeps-graph
# link: https://github.com/boschresearch/Continuous-Recurrent-Units/pull/4
import torch
import torch.nn.functional as F


class Unit(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = torch.nn.Linear(28 * 28, 40)
        self.out = torch.nn.Linear(40, 10)

    def forward(self, x):
        return self.out(F.silu(self.inp(x.view(x.shape[0], -1))))


def train(model, data, epochs):
    history = []
    opt = torch.optim.Adam(model.parameters())
    for epoch in range(epochs):
        for x, y in data:
            loss = F.cross_entropy(model(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            history.append(loss)  #-
            #+ history.append(loss.detach())
    return history


batches = [(torch.rand(16, 1, 28, 28), torch.randint(10, (16,))) for _ in range(60)]
h = train(Unit(), batches, 20)
print(len(h))
