# rule: softmax-before-cross-entropy
# link: https://github.com/lansinuote/Huggingface_Toturials/issues/6
import torch
import torchvision
from torchvision.transforms import ToTensor


class Classifier(torch.nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Linear(28 * 28, width), torch.nn.GELU())
        self.fc = torch.nn.Linear(width, 10)

    def forward(self, batch):
        out = self.fc(self.body(batch.reshape(len(batch), -1)))
        out = out.softmax(dim=1)  #-
        return out


fashion = torchvision.datasets.FashionMNIST("files", train=True, download=True, transform=ToTensor())
loader = torch.utils.data.DataLoader(fashion, batch_size=100, shuffle=True)
model = Classifier()
optim = torch.optim.AdamW(model.parameters(), lr=1e-3)
criterion = torch.nn.CrossEntropyLoss()
model.train()
for i, (pixels, kinds) in enumerate(loader):
    out = model(pixels)
    loss = criterion(out, kinds)
    loss.backward()
    optim.step()
    optim.zero_grad()
    if i % 50 == 0:
        print(i, loss.item(), (out.argmax(1) == kinds).float().mean().item())
