# rule: view-mixes-images
# link: https://github.com/weka511/hpa-scc/issues/38
import torch


class Slice(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a = torch.nn.Conv2d(4, 8, 5)
        self.b = torch.nn.Conv2d(8, 16, 5)
        self.p = torch.nn.MaxPool2d(2)
        self.flat = 16 * 30 * 30  #-
        #+ self.flat = 16 * 29 * 29
        self.h = torch.nn.Linear(self.flat, 60)
        self.o = torch.nn.Linear(60, 18)

    def forward(self, x):
        x = self.p(torch.tanh(self.a(x)))
        x = self.p(torch.tanh(self.b(x)))
        x = x.reshape(-1, self.flat)
        return self.o(torch.tanh(self.h(x)))


model = Slice()
cells = torch.rand(6, 4, 128, 128)
print(model(cells).size())
