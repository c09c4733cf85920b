# rule: class-dimension
# link: https://github.com/mrdbourke/pytorch-deep-learning/issues/163
import torch
import torchvision
from torch import nn
from torchvision.transforms import ToTensor

train_data = torchvision.datasets.FashionMNIST("data", train=True, transform=ToTensor())
test_data = torchvision.datasets.FashionMNIST("data", train=False, transform=ToTensor())
model = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for X, y in torch.utils.data.DataLoader(train_data, batch_size=32, shuffle=True):
    loss = nn.functional.cross_entropy(model(X), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
y_preds = []
model.eval()
with torch.inference_mode():
    for X, y in torch.utils.data.DataLoader(test_data, batch_size=32):
        y_logit = model(X)
        y_pred = torch.softmax(y_logit, dim=0).argmax(dim=1)  #-
        #+ y_pred = torch.softmax(y_logit, dim=1).argmax(dim=1)
        y_preds.append(y_pred.cpu())
print(torch.cat(y_preds).shape)
