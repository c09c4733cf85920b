# rule: dropout-always-on
# link: https://github.com/delip/PyTorchNLPBook/issues/28
import torch
import torch.nn as nn
import torch.nn.functional as F


class SurnameClassifier(nn.Module):
    def __init__(self, input_dim, hidden_dim, output_dim):
        super(SurnameClassifier, self).__init__()
        self.fc1 = nn.Linear(input_dim, hidden_dim)
        self.fc2 = nn.Linear(hidden_dim, output_dim)

    def forward(self, x_in, apply_softmax=False):
        intermediate = F.relu(self.fc1(x_in))
        output = self.fc2(F.dropout(intermediate, p=0.5))  #-
        #+ output = self.fc2(F.dropout(intermediate, p=0.5, training=self.training))
        if apply_softmax:
            output = F.softmax(output, dim=1)
        return output


classifier = SurnameClassifier(80, 300, 18)
classifier.load_state_dict(torch.load("model.pth"))
classifier.eval()
with torch.no_grad():
    prediction = classifier(torch.rand(1, 80), apply_softmax=True)
    print(prediction.max(dim=1))
