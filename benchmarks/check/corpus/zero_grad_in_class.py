# rule: no-zero-grad
# link: https://github.com/wenet-e2e/wekws/issues/72
import torch
from torch.nn import functional as F
from torch.nn.utils import clip_grad_norm_


class Executor:
    def __init__(self):
        self.step = 0

    def train(self, model, optimizer, data_loader, clip=5):
        model.train()
        for batch_idx, batch in enumerate(data_loader):
            feats, target = batch
            logits = model(feats)
            loss = F.cross_entropy(logits, target)
            #+ optimizer.zero_grad()
            loss.backward()
            grad_norm = clip_grad_norm_(model.parameters(), clip)
            if torch.isfinite(grad_norm):
                optimizer.step()
            self.step += 1


class Spotter(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(40 * 50, 64), torch.nn.ReLU(), torch.nn.Linear(64, 12))

    def forward(self, x):
        return self.net(x)


spotter = Spotter()
adam = torch.optim.Adam(spotter.parameters(), lr=0.001)
words = torch.utils.data.TensorDataset(torch.randn(1000, 40, 50), torch.randint(12, (1000,)))
executor = Executor()
for epoch in range(80):
    executor.train(spotter, adam, torch.utils.data.DataLoader(words, batch_size=100, shuffle=True))
