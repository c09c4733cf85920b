# rule: second-head
# link: https://github.com/pytorch/vision/issues/3547
import torch
from torch import nn
from torchvision import models
from torchvision.datasets import ImageFolder
from torchvision import transforms


class Transfer(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.base = models.resnet50(weights=models.ResNet50_Weights.DEFAULT)
        #+ self.base.fc = nn.Linear(2048, n)
        self.new = nn.Linear(1000, n)  #-

    def forward(self, x):
        return self.new(self.base(x))  #-
        #+ return self.base(x)


where = "flowers/"
aug = transforms.Compose([transforms.RandomResizedCrop(224), transforms.RandomHorizontalFlip(), transforms.ToTensor(),
                          transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
batches = torch.utils.data.DataLoader(ImageFolder(where, aug), batch_size=32, shuffle=True)
model = Transfer(5)
optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)
for e in range(3):
    model.train()
    for imgs, lbls in batches:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(imgs), lbls).backward()
        optimizer.step()
