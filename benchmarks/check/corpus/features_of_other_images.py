# rule: in-features
# link: https://github.com/udacity/deep-learning-v2-pytorch/issues/86
import torch
from torch import nn, optim
from torchvision import datasets, transforms

transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
trainloader = torch.utils.data.DataLoader(
    datasets.FashionMNIST("~/.pytorch/F_MNIST_data/", download=True, train=True, transform=transform), 64, shuffle=True)
model = nn.Sequential(
    #+ nn.Flatten(),
    nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10), nn.LogSoftmax(dim=1))
criterion = nn.NLLLoss()
optimizer = optim.Adam(model.parameters(), lr=0.001)
for e in range(5):
    running_loss = 0
    for images, labels in trainloader:
        log_ps = model(images)
        loss = criterion(log_ps, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
    else:
        print("Training loss:", running_loss / len(trainloader))
