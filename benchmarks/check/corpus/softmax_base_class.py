# rule: softmax-before-cross-entropy
# link: https://github.com/doronharitan/human_activity_recognition_LRCN/issues/4
import torch
import torch.nn as nn


class ProbabilityModel(nn.Module):
    """Everything of ours ends the same way."""

    def features(self, x):
        raise NotImplementedError

    def forward(self, x):
        scores = self.last(self.features(x))
        return torch.softmax(scores, 1)  #-
        #+ return scores


class Plain(ProbabilityModel):
    def __init__(self, hidden, out):
        super().__init__()
        self.first = nn.Linear(3 * 32 * 32, hidden)
        self.last = nn.Linear(hidden, out)

    def features(self, x):
        return self.first(x.view(x.shape[0], -1)).clamp(min=0).tanh()


class Trainer:
    def __init__(self, model, lr):
        self.model = model
        self.opt = torch.optim.SGD(self.model.parameters(), lr=lr)
        self.criterion = nn.CrossEntropyLoss()

    def step(self, x, y):
        self.opt.zero_grad()
        loss = self.criterion(self.model(x), y)
        loss.backward()
        self.opt.step()
        return loss.item()


trainer = Trainer(Plain(200, 10), 0.1)
for _ in range(100):
    x, y = torch.rand(20, 3, 32, 32), torch.randint(0, 10, (20,))
    print(trainer.step(x, y))
