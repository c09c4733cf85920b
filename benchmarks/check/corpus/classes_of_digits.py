# rule: class-count
# link: https://github.com/lmoroney/dlaicourse/pull/8
import torch
import torchvision

to = torchvision.transforms.ToTensor()
train = torchvision.datasets.FashionMNIST("./f", train=True, download=True, transform=to)
model = torch.nn.Sequential(
    torch.nn.Flatten(),
    torch.nn.Linear(784, 512),
    torch.nn.ReLU(),
    torch.nn.Linear(512, 5),  #-
    #+ torch.nn.Linear(512, 10),
)
criterion = torch.nn.CrossEntropyLoss()
opt = torch.optim.Adam(model.parameters())
for epoch in range(5):
    for images, labels in torch.utils.data.DataLoader(train, batch_size=32, shuffle=True):
        opt.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        opt.step()
