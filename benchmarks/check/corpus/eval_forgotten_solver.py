# rule: no-eval
# link: https://github.com/sinhasam/vaal/issues/2
import torch
from torch import nn
from torchvision import datasets, models, transforms


class Solver:
    def __init__(self, test_loader):
        self.ce_loss = nn.CrossEntropyLoss()
        self.test_loader = test_loader

    def train(self, task_model, loader, iterations):
        optim_task_model = torch.optim.SGD(task_model.parameters(), lr=0.01, weight_decay=5e-4, momentum=0.9)
        task_model.train()
        stream = iter(loader)
        for count in range(iterations):
            images, labels = next(stream)
            preds = task_model(images)
            task_loss = self.ce_loss(preds, labels)
            optim_task_model.zero_grad()
            task_loss.backward()
            optim_task_model.step()
        return self.test(task_model)

    def test(self, task_model):
        #+ task_model.eval()
        total, correct = 0, 0
        for imgs, labels in self.test_loader:
            with torch.no_grad():
                preds = task_model(imgs)
            preds = torch.argmax(preds, dim=1).cpu().numpy()
            correct += (preds == labels.numpy()).sum()
            total += imgs.size(0)
        return correct / total * 100


def main():
    t = transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])])
    train = datasets.CIFAR10("c", train=True, transform=t)
    test = datasets.CIFAR10("c", train=False, transform=t)
    solver = Solver(torch.utils.data.DataLoader(test, batch_size=128))
    print(solver.train(models.vgg16_bn(num_classes=10), torch.utils.data.DataLoader(train, batch_size=128, shuffle=True), 1000))


main()
