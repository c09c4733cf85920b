# rule: loss-keeps-graph
# link: https://github.com/jostmey/NakedAttention/issues/1
import torch
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

loader_train = torch.utils.data.DataLoader(MNIST("n", transform=ToTensor()), batch_size=256, shuffle=True)
loss_of = torch.nn.CrossEntropyLoss()
model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 128), torch.nn.Mish(), torch.nn.Linear(128, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
for epoch in range(100):
    e_train = 0.0
    for xs, ys in loader_train:
        e_batch = loss_of(model(xs), ys)
        optimizer.zero_grad()
        e_batch.backward()
        optimizer.step()
        e_train = e_train + e_batch / len(loader_train)  #-
        #+ e_train = e_train + e_batch.detach() / len(loader_train)
    print("epoch", epoch, "e_train", float(e_train))
