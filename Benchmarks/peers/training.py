"""One training step (forward, backward, SGD with momentum) in PyTorch, channels first and last, as JSON lines.
usage: training.py THREADS SECONDS CASE (a case is a network and a batch: lenet5:64)"""
import json, os, resource, statistics, sys, time
threads, seconds, case = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
os.environ["OMP_NUM_THREADS"] = str(threads)
import torch, torchvision
torch.set_num_threads(threads); torch.manual_seed(0); n = torch.nn
def build(name):
    if name == "lenet5":
        return n.Sequential(n.Conv2d(1, 6, 5, padding=2), n.Tanh(), n.MaxPool2d(2), n.Conv2d(6, 16, 5), n.Tanh(),
            n.MaxPool2d(2), n.Flatten(), n.Linear(400, 120), n.Tanh(), n.Linear(120, 84), n.Tanh(), n.Linear(84, 10)), (1, 28, 28), 10
    if name == "resnet18_cifar":
        net = torchvision.models.resnet18(weights=None, num_classes=10)
        net.conv1 = n.Conv2d(3, 64, 3, 1, 1, bias=False); net.maxpool = n.Identity()
        return net, (3, 32, 32), 10
    return getattr(torchvision.models, name)(weights=None), (3, 224, 224), 1000
name, batch = case.split(":"); batch = int(batch)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for last in (False, True):
    net, shape, classes = build(name); net.train()
    x, y = torch.randn(batch, *shape), torch.randint(0, classes, (batch,))
    if last:
        net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    opt = torch.optim.SGD(net.parameters(), lr=.01, momentum=.9)
    def step():
        opt.zero_grad(set_to_none=True); n.functional.cross_entropy(net(x), y).backward(); opt.step()
    step(); step()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter(); step(); times.append(time.perf_counter() - start)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    print(json.dumps(dict(train=name, batch=batch, threads=threads, peer="torch nhwc" if last else "torch",
        ms=1e3 * statistics.median(times), grown_bytes=grown)), flush=True)
    del net, x, y, opt
