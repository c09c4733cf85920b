# rule: nll-without-log-softmax
# link: https://github.com/clvrai/ACGAN-PyTorch/pull/4
import torch
from torch.nn import Linear, Module, NLLLoss, functional


class Auxiliary(Module):
    def __init__(self):
        super().__init__()
        self.inner, self.aux = Linear(1024, 100), Linear(100, 5)

    def forward(self, vector):
        classes = self.aux(functional.leaky_relu(self.inner(vector), 0.2))
        classes = functional.softmax(classes, -1)  #-
        #+ classes = functional.log_softmax(classes, -1)
        return classes


torch.manual_seed(1)
inputs, labels = torch.randn(500, 1024), torch.randint(5, (500,))
judge, loss_of = Auxiliary(), NLLLoss()
optimiser = torch.optim.Adam(judge.parameters(), 2e-4, betas=(0.5, 0.999))
for start in range(0, 500, 50):
    optimiser.zero_grad()
    error = loss_of(judge(inputs[start:start + 50]), labels[start:start + 50])
    error.backward()
    optimiser.step()
