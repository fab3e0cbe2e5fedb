"""PyTorch's process: `pytorch.py cpu|cuda threads`. It speaks bench/compare/protocol.ts on stdin and stdout."""

import array
import json
import os
import re
import sys
import time

import torch
import torch.nn.functional as F

DEVICE = sys.argv[1]
THREADS = int(sys.argv[2])


def read(given):
    kind = "i" if given["dtype"] == "int" else "f"
    values = array.array(kind)
    with open(given["path"], "rb") as file:
        values.frombytes(file.read())
    dtype = torch.int32 if kind == "i" else torch.float32
    tensor = torch.frombuffer(values, dtype=dtype).to(DEVICE, copy=True)
    return tensor.long() if kind == "i" else tensor.reshape(given["shape"])


def matmul(inputs, params):
    a, b = inputs["a"], inputs["b"]
    return lambda: [a @ b]


def conv(inputs, params):
    x, w = inputs["x"], inputs["w"]
    return lambda: [F.conv2d(x, w, padding=params["padding"])]


def conv_gradients(inputs, params):
    x, w, dy = inputs["x"].requires_grad_(), inputs["w"].requires_grad_(), inputs["dy"]

    def run():
        y = F.conv2d(x, w, padding=params["padding"])
        return [y, *torch.autograd.grad(y, [x, w], dy)]

    return run


def with_gradient(f, x):
    x.requires_grad_()

    def run():
        value = f(x)
        return [value, *torch.autograd.grad(value, [x])]

    return run


def chain(inputs, params):
    def f(x):
        x2 = x * x
        x3 = x2 * x
        t = torch.tanh(0.7978845608 * (0.044715 * x3 + x))
        return ((t + 1) * x).sum()

    return with_gradient(f, inputs["x"])


def kl(student, teacher, T):
    log_q = F.log_softmax(student / T, 1)
    return F.kl_div(log_q, F.softmax(teacher / T, 1), reduction="batchmean") * T * T


def kldiv(inputs, params):
    return with_gradient(lambda s: kl(s, inputs["teacher"], params["temperature"]), inputs["student"])


def dkd(inputs, params):
    T, teacher = params["temperature"], inputs["teacher"]
    target = F.one_hot(inputs["labels"], teacher.shape[1]).float()
    others = 1 - target

    def pair(p):
        return torch.cat([(p * target).sum(1, keepdim=True), (p * others).sum(1, keepdim=True)], 1)

    def f(student):
        p, q = pair(F.softmax(teacher / T, 1)), pair(F.softmax(student / T, 1))
        tckd = F.kl_div(q.log(), p, reduction="batchmean")
        log_q = F.log_softmax(student / T - 1000 * target, 1)
        nckd = F.kl_div(log_q, F.softmax(teacher / T - 1000 * target, 1), reduction="batchmean")
        return (params["alpha"] * tckd + params["beta"] * nckd) * T * T

    return with_gradient(f, inputs["student"])


def dist(inputs, params):
    T, teacher = params["temperature"], inputs["teacher"]

    def correlation(p, q, dim):
        a, b = p - p.mean(dim, keepdim=True), q - q.mean(dim, keepdim=True)
        return ((a * b).sum(dim) / (a.norm(dim=dim) * b.norm(dim=dim) + 1e-8)).mean()

    def f(student):
        q, p = F.softmax(student / T, 1), F.softmax(teacher / T, 1)
        inter, intra = 1 - correlation(p, q, 1), 1 - correlation(p, q, 0)
        return (params["beta"] * inter + params["gamma"] * intra) * T * T

    return with_gradient(f, inputs["student"])


class MnistNet(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = torch.nn.Conv2d(16, 32, 3, padding=1)
        self.fc = torch.nn.Linear(1568, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc(x.flatten(1))


class CifarNet(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, 32, 3, padding=1, bias=False)
        self.conv2 = torch.nn.Conv2d(32, 64, 3, padding=1, stride=2, bias=False)
        self.conv3 = torch.nn.Conv2d(64, 128, 3, padding=1, stride=2, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(32)
        self.bn2 = torch.nn.BatchNorm2d(64)
        self.bn3 = torch.nn.BatchNorm2d(128)
        self.fc = torch.nn.Linear(128, 100)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = F.relu(self.bn3(self.conv3(x)))
        return self.fc(x.mean((2, 3)))


def step_of(Net):
    def prepare(inputs, params):
        inputs = dict(inputs)
        images, teacher, labels = (inputs.pop(name) for name in ("images", "teacher", "labels"))
        # Every step uploads its batch, as everyone's does.
        images = images.cpu()
        net = Net().to(DEVICE)
        # The running statistics start as they are.
        net.load_state_dict(inputs, strict=False)
        optimizer = torch.optim.SGD(net.parameters(), lr=params["lr"], momentum=params["momentum"])
        weight, T = params["ceWeight"], params["temperature"]

        def run():
            logits = net(images.to(DEVICE, copy=True))
            loss = weight * F.cross_entropy(logits, labels) + (1 - weight) * kl(logits, teacher, T)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            state = net.state_dict()
            return [loss, *(state[name] for name in inputs)]

        return run

    return prepare


def sum_up(x, b, count):
    y = x
    for _ in range(count):
        y = y + b
    return y


def adds(inputs, params):
    x, b = inputs["x"], inputs["b"]
    return lambda: [sum_up(x, b, params["count"])]


def adds_gradient(inputs, params):
    return with_gradient(lambda x: sum_up(x, inputs["b"], params["count"]).sum(), inputs["x"])


TASKS = {
    "matmul": matmul,
    "conv": conv,
    "convGradients": conv_gradients,
    "chain": chain,
    "kldiv": kldiv,
    "dkd": dkd,
    "dist": dist,
    "stepMnist": step_of(MnistNet),
    "stepCifar": step_of(CifarNet),
    "adds": adds,
    "addsGradient": adds_gradient,
}


def prepare(request):
    inputs = {name: read(given) for name, given in request["inputs"].items()}
    run = TASKS[request["task"]](inputs, request["params"])
    for _ in range(request["runs"] - 1):
        run()
    results = [result.detach().float().contiguous().flatten() for result in run()]
    with open(request["output"], "wb") as file:
        for result in results:
            array.array("f", result.tolist()).tofile(file)
    return run, {"lengths": [len(result) for result in results]}


def repeat(run, times):
    start = time.perf_counter()
    for _ in range(times):
        min(run(), key=torch.numel).detach().view(-1)[0].item()
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return {"ms": (time.perf_counter() - start) * 1000}


def memory():
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[1])
    return {"resident": pages * os.sysconf("SC_PAGE_SIZE")}


def blas():
    """Which library multiplies, for they differ by a factor of 25."""
    with open("/proc/self/maps") as file:
        found = re.findall(r"/(lib\w*(?:blas|mkl)[^/\s]*)$", file.read(), re.M)
    return sorted(set(found))[0] if found else "built in"


def say(message):
    print(json.dumps(message), flush=True)


def place():
    if DEVICE == "cuda":
        return torch.cuda.get_device_name()
    return f"{THREADS} thread{'s' if THREADS > 1 else ''}, BLAS {blas()}"


def main():
    torch.set_num_threads(THREADS)
    if DEVICE == "cuda" and not torch.cuda.is_available():
        sys.exit(f"PyTorch {torch.__version__} finds no GPU that it can use through CUDA.")
    # All participants compute in float32: TF32 has 10 bits of it. The fastest convolution is looked for in the warm-up.
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    say({"ready": f"PyTorch {torch.__version__}, {place()}"})
    run = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "prepare":
                run, reply = prepare(request)
            elif request["do"] == "run":
                reply = repeat(run, request["times"])
            else:
                reply = memory()
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        say(reply)


main()
