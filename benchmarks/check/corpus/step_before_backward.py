# rule: step-order
# link: https://github.com/EdwardRaff/Inside-Deep-Learning/issues/20
import torch
from torch import nn
from torchvision import datasets, transforms


def run_epoch(model, optimizer, data_loader, loss_func, device):
    running = []
    for inputs, labels in data_loader:
        inputs, labels = inputs.to(device), labels.to(device)
        y_hat = model(inputs)
        loss = loss_func(y_hat, labels)
        if model.training:
            optimizer.step()  #-
            optimizer.zero_grad()
            loss.backward()
            #+ optimizer.step()
        running.append(loss.item())
    return sum(running)


model = nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.Tanh(), nn.Linear(256, 10))
loader = torch.utils.data.DataLoader(datasets.FashionMNIST("f", transform=transforms.ToTensor()), 128, shuffle=True)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(10):
    model = model.train()
    print(epoch, run_epoch(model, optimizer, loader, nn.CrossEntropyLoss(), "cpu"))
