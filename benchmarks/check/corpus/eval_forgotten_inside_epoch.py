# rule: no-eval
# link: https://github.com/DuaneNielsen/DeepInfomaxPytorch/issues/18
import torch
import torchvision
from torch import nn
from torchvision.transforms import ToTensor

fit = torchvision.datasets.SVHN("s", split="train", transform=ToTensor(), download=True)
val = torchvision.datasets.SVHN("s", split="test", transform=ToTensor(), download=True)
phases = {"fit": torch.utils.data.DataLoader(fit, 64, shuffle=True), "val": torch.utils.data.DataLoader(val, 64)}
f = nn.Sequential(nn.Conv2d(3, 32, 4, 2), nn.ReLU(), nn.Conv2d(32, 64, 4, 2), nn.BatchNorm2d(64), nn.ReLU(), nn.Flatten(),
                  nn.Linear(64 * 6 * 6, 10))
ce = nn.CrossEntropyLoss()
opt = torch.optim.Adam(f.parameters(), 1e-4)
for epoch in range(12):
    for phase in ["fit", "val"]:
        f.train()  #-
        #+ f.train(phase == "fit")
        hits = 0
        for x, y in phases[phase]:
            with torch.set_grad_enabled(phase == "fit"):
                out = f(x)
                loss = ce(out, y)
            if phase == "fit":
                opt.zero_grad()
                loss.backward()
                opt.step()
            hits += (out.max(1)[1] == y).sum().item()
        print(phase, hits)
