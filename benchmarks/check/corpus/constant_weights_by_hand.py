# rule: constant-weights
# link: https://github.com/yandexdataschool/Practical_RL/issues/153
import torch
import torch.nn as nn


class Perceptron(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.stack = nn.ModuleList(nn.Linear(i, o) for i, o in zip(sizes[:-1], sizes[1:]))
        self._reset()

    def _reset(self):
        for layer in self.stack:
            layer.weight.data.fill_(0.01)  #-
            #+ layer.weight.data.normal_(0, 0.01)
            layer.bias.data.zero_()

    def forward(self, x):
        for layer in self.stack[:-1]:
            x = torch.sigmoid(layer(x))
        return self.stack[-1](x)


model = Perceptron([64, 32, 10])
optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
criterion = nn.CrossEntropyLoss()
inputs, labels = torch.rand(256, 64), torch.randint(10, (256,))
for step in range(200):
    loss = criterion(model(inputs), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
