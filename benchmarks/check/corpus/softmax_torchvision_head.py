# rule: softmax-before-cross-entropy
# link: https://github.com/pytorch/pytorch/issues/55902
import torch
from torch import nn, optim
from torchvision import datasets, models, transforms

tfm = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(),
                          transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
photos = datasets.ImageFolder("photos/train", tfm)
feeder = torch.utils.data.DataLoader(photos, batch_size=16, shuffle=True, num_workers=2)

backbone = models.resnet18(weights="DEFAULT")
for weight in backbone.parameters():
    weight.requires_grad = False
backbone.fc = nn.Sequential(nn.Linear(512, len(photos.classes)), nn.Softmax(dim=1))  #-
#+ backbone.fc = nn.Sequential(nn.Dropout(0.2), nn.Linear(512, len(photos.classes)))
step = optim.Adam(backbone.fc.parameters(), lr=0.001)
lossfn = nn.CrossEntropyLoss(label_smoothing=0.1)

backbone.train()
for epoch in range(5):
    seen = 0
    for batch in feeder:
        x, y = batch
        step.zero_grad()
        err = lossfn(backbone(x), y)
        err.backward()
        step.step()
        seen += len(y)
    print("epoch", epoch, "images", seen)
