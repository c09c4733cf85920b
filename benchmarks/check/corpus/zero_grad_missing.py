# rule: no-zero-grad
# link: https://github.com/yastrebksv/TennisCourtDetector/issues/7
import torch
from torch import nn


def train(model, train_loader, optimizer, criterion, device, epoch, max_iters=1000):
    model.train()
    losses = []
    for iter_id, batch in enumerate(train_loader):
        out = model(batch[0].float().to(device))
        loss = criterion(out, batch[1].to(device))
        #+ optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if iter_id > max_iters:
            break
    return sum(losses) / len(losses)


if __name__ == "__main__":
    from torchvision import datasets, transforms

    rows = torch.utils.data.DataLoader(datasets.MNIST(".", transform=transforms.ToTensor()), batch_size=10, shuffle=True)
    unit = nn.Sequential(nn.Flatten(), nn.Linear(784, 60), nn.Hardswish(), nn.Linear(60, 10))
    for epoch in range(10):
        print(train(unit, rows, torch.optim.Adam(unit.parameters(), lr=1e-5), nn.CrossEntropyLoss(), "cpu", epoch))
