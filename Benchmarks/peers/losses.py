"""The losses of LeNet-5's first steps in PyTorch, from weights that it writes: one a line.
usage: losses.py DATA STEPS WEIGHTS.safetensors LOSSES.csv (DATA: a folder of MNIST's four files, gzipped)"""
import gzip, json, struct, sys
import numpy as np, torch
n = torch.nn
data, steps, weights, csv = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
torch.manual_seed(0)
class LeNet5(n.Module):
    def __init__(self):
        super().__init__()
        self.conv = n.ModuleDict(dict(conv1=n.Conv2d(1, 6, 5, padding=2), conv2=n.Conv2d(6, 16, 5)))
        self.fc = n.ModuleDict(dict(fc1=n.Linear(400, 120), fc2=n.Linear(120, 84), fc3=n.Linear(84, 10)))
    def forward(self, x):
        x = torch.max_pool2d(torch.tanh(self.conv.conv1(x)), 2)
        x = torch.max_pool2d(torch.tanh(self.conv.conv2(x)), 2).flatten(1)
        return self.fc.fc3(torch.tanh(self.fc.fc2(torch.tanh(self.fc.fc1(x)))))
net = LeNet5()
header, blobs, at = {}, [], 0
for name, value in net.state_dict().items():
    raw = value.numpy().astype("<f4").tobytes()
    header[name] = dict(dtype="F32", shape=list(value.shape), data_offsets=[at, at + len(raw)])
    blobs.append(raw); at += len(raw)
text = json.dumps(header).encode()
with open(weights, "wb") as f: f.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))
read = lambda name, skip: np.frombuffer(gzip.open(f"{data}/{name}.gz").read()[skip:], np.uint8)
images = read("train-images-idx3-ubyte", 16).reshape(-1, 1, 28, 28)
labels = read("train-labels-idx1-ubyte", 8)
mean, deviation = (np.float32(.2860), np.float32(.3530)) if "fashion" in data else (np.float32(.1307), np.float32(.3081))
opt = torch.optim.SGD(net.parameters(), lr=.01, momentum=.9, weight_decay=5e-4)
with open(csv, "w") as f:
    for k in range(steps):
        x = torch.from_numpy((images[64 * k:64 * k + 64].astype(np.float32) / np.float32(255) - mean) / deviation)
        y = torch.from_numpy(labels[64 * k:64 * k + 64].astype(np.int64))
        loss = n.functional.cross_entropy(net(x), y)
        opt.zero_grad(); loss.backward(); opt.step()
        f.write(f"{loss.item()!r}\n")
