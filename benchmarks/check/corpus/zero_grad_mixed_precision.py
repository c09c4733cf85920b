# rule: no-zero-grad
# link: https://github.com/snakers4/silero-vad/pull/699
import torch
import torch.nn as nn
from tqdm import tqdm
from torchvision import datasets, transforms as T


def train(config, loader, model, loss_fn, optimizer, scaler, device):
    progress = tqdm(loader, desc="training")
    model.train()
    for x, y in progress:
        x, y = x.to(device), y.to(device)
        with torch.autocast(device_type="cuda", dtype=torch.float16):
            out = model(x)
            loss = loss_fn(out, y)
        #+ optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        progress.set_postfix(loss=loss.item())


device = "cuda"
model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 100), nn.ELU(), nn.Linear(100, 10)).to(device)
loader = torch.utils.data.DataLoader(datasets.CIFAR10("r", transform=T.ToTensor()), batch_size=256, shuffle=True)
scaler = torch.cuda.amp.GradScaler()
for i in range(20):
    train(None, loader, model, nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters()), scaler, device)
