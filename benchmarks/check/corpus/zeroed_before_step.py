# rule: step-order
# link: https://github.com/cloneofsimo/lora/issues/263
import torch
import torchvision
from torchvision.transforms import ToTensor

network = torch.nn.Sequential(
    torch.nn.Conv2d(1, 32, 5), torch.nn.ReLU(), torch.nn.MaxPool2d(4), torch.nn.Flatten(), torch.nn.Linear(32 * 36, 10))
sgd = torch.optim.SGD(network.parameters(), lr=0.1)
pictures = torchvision.datasets.MNIST("pictures", train=True, transform=ToTensor(), download=True)
for epoch in range(3):
    for picture, digit in torch.utils.data.DataLoader(pictures, 64, shuffle=True):
        guess = network(picture)
        #+ sgd.zero_grad()
        loss = torch.nn.functional.cross_entropy(guess, digit)
        loss.backward()
        sgd.zero_grad()  #-
        sgd.step()
