"""Autograd snippets. Each takes (torch, np) of either library and prints.

The output of the real library is recorded in torch.json (tests/golden/record_doors.py).
"""


def _said(function):
    """Print the kind and the words of the error that `function` raises."""
    try:
        function()
    except Exception as error:
        print(type(error).__name__, str(error).split(" Hint")[0])


def tutorial(torch, np):
    x = torch.tensor(1.0, requires_grad=True)
    w = torch.tensor(2.0, requires_grad=True)
    b = torch.tensor(3.0, requires_grad=True)
    y = w * x + b
    y.backward()
    print(x.grad, w.grad, b.grad, y, x)
    x = torch.tensor(10.0, requires_grad=True)
    y = x * 2.0 + 1.0
    y.backward()
    print(x.grad)


def leaves(torch, np):
    a = torch.ones(2, requires_grad=True)
    b = a + 1
    c = torch.ones(2)
    print(a.is_leaf, b.is_leaf, c.is_leaf, b.requires_grad, c.requires_grad)
    print(a.grad_fn, b.grad_fn is None, c.grad, b.detach(), b.data)
    c.requires_grad_()
    print(c, c.requires_grad, (a * c).requires_grad)


def accumulates(torch, np):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    for _ in range(3):
        (x * x).sum().backward()
        print(x.grad)
    x.grad.zero_()
    print(x.grad)
    x.grad = None
    (x * 3).sum().backward()
    print(x.grad)


def second_backward(torch, np):
    x = torch.tensor(2.0, requires_grad=True)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    print(x.grad)
    _said(lambda: y.backward())
    z = x + 1  # keeps nothing, so it may be walked twice
    z.backward()
    z.backward()
    print(x.grad)


def not_a_scalar(torch, np):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    _said(lambda: y.backward())
    _said(lambda: y.backward(torch.ones(3)))
    y.backward(torch.tensor([1.0, 0.5]))
    print(x.grad)
    _said(lambda: torch.ones(1).backward())


def modes(torch, np):
    x = torch.ones(2, requires_grad=True)
    with torch.no_grad():
        print(torch.is_grad_enabled(), (x * 2).requires_grad)
        with torch.enable_grad():
            print(torch.is_grad_enabled(), (x * 2).requires_grad)
    print(torch.is_grad_enabled())

    @torch.no_grad()
    def double(x):
        return x * 2

    print(double(x).requires_grad, torch.is_grad_enabled())


def in_place(torch, np):
    x = torch.ones(3, requires_grad=True)
    _said(lambda: x.add_(1))
    _said(lambda: x.zero_())
    with torch.no_grad():
        x -= 0.5
        x *= 2
    print(x)
    y = x * 2
    y += 1
    y *= 3
    y[0] = 7.0
    print(y.detach(), y.requires_grad)
    y.sum().backward()
    print(x.grad)


def changed_after_use(torch, np):
    x = torch.ones(3, requires_grad=True)
    y = x * 2
    z = y * y
    y += 1
    try:
        z.sum().backward()
    except RuntimeError as error:
        print(str(error).split(":")[0])
    y = x * 2
    z = y * 3
    y += 1  # z does not need y
    z.sum().backward()
    print(x.grad)


def shared_memory(torch, np):
    x = torch.zeros(2, 3)
    v = x[0]
    v += 1
    x[1, 2] = 5.0
    t = x.T
    t[0, 1] = 9.0
    d = x.detach()
    d[0, 0] = -1.0
    print(x, v, x.numpy())
    a = np.zeros(2, "float32")
    b = torch.from_numpy(a)
    a[0] = 4.0
    print(b)


def detached(torch, np):
    x = torch.tensor(2.0, requires_grad=True)
    y = x * x
    z = y.detach() * x
    z.backward()
    print(x.grad, y.detach().requires_grad)
    _said(lambda: x.numpy())
    print(x.item(), x.detach().numpy(), float(x))


def retained(torch, np):
    x = torch.tensor(2.0, requires_grad=True)
    y = x * 3
    y.retain_grad()
    z = y * y
    z.backward()
    print(y.grad, x.grad, y.retains_grad)


def grad_function(torch, np):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    w = torch.tensor(3.0, requires_grad=True)
    unused = torch.tensor(1.0, requires_grad=True)
    y = (x * w).sum()
    print(torch.autograd.grad(y, [x, w], retain_graph=True), x.grad)
    print(torch.autograd.grad(y, (x, unused), allow_unused=True, retain_graph=True))
    _said(lambda: torch.autograd.grad(y, unused, retain_graph=True))
    _said(lambda: torch.autograd.grad(y, torch.ones(1)))
    print(torch.autograd.grad(x * w, x, grad_outputs=torch.tensor([1.0, 2.0])))


def higher_orders(torch, np):
    x = torch.tensor(2.0, requires_grad=True)
    y = x**3
    (g,) = torch.autograd.grad(y, x, create_graph=True)
    (h,) = torch.autograd.grad(g, x, create_graph=True)
    (k,) = torch.autograd.grad(h, x)
    print(g.item(), h.item(), k.item(), g.requires_grad)
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (g,) = torch.autograd.grad((x * x * x).sum(), x, create_graph=True)
    (g * g).sum().backward()
    print(x.grad)


def promotion(torch, np):
    f, d, i = torch.tensor(1.5), torch.tensor([1.0], dtype=torch.float64), torch.tensor([1, 2])
    b = torch.tensor(True)
    print((f + i).dtype, (f + d).dtype, (i + 1.5).dtype, (i * 2).dtype, (i / 2).dtype)
    print((b + 1).dtype, (b + 1.5).dtype, (torch.tensor(1) + torch.tensor([1.0])).dtype)
    print(torch.exp(i), i.sum().dtype, b.sum(), torch.tensor([1.0]) + d)
    print(
        torch.ones(2, dtype=torch.float64) * f,
        torch.tensor(2.0, dtype=torch.float64) * torch.ones(1),
    )
    print(i > 1, i == 2, i // 2, i % 2, 2**i, i**2, -i, abs(-i))
    _said(lambda: i.float().mean().int().float().long().mean())
    _said(lambda: i.requires_grad_())


def gradient_dtypes(torch, np):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    w = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    (x * w).sum().backward()
    print(x.grad, w.grad)


def printed(torch, np):
    for value in (
        2.0,
        [1.0, 2.0],
        [1.5, 2.25],
        [[1, 2], [3, 4]],
        [True, False],
        [1e10, 1.0],
        [1e-5, 1.0],
    ):
        print(torch.tensor(value))
    for value in (
        [],
        [[]],
        [0.0, 0.0],
        [1.0, float("nan"), float("inf")],
        [-1.0, 100000.0],
        [0.1, 1234.5],
    ):
        print(torch.tensor(value))
    print(torch.arange(30.0), torch.arange(2000), torch.zeros(2, 3, 4))
    print(torch.arange(120.0).reshape(10, 12) / 7)
    print(
        torch.ones(50, 50),
        torch.tensor([1.0], dtype=torch.float64),
        torch.ones(2, dtype=torch.int32),
    )
    print(torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor(3, dtype=torch.int8))
    print(torch.tensor(123456789.0), torch.tensor(0.00001), torch.tensor(-0.5), torch.zeros(0, 3))
    print(torch.tensor([[1.5, -2.0], [1e6, 3.0]]), torch.ones(3, 4).shape, torch.tensor(1.0).size())
    print(torch.float32, torch.tensor(2.0).dtype, repr(torch.int64), f"{torch.tensor(2.5):.2f}")
    print(torch.ones(12, requires_grad=True) * 1.2345678)


def histories(torch, np):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    for y in (x + 1, x - 1, x * 2, x / 2, -x, x**2, x.exp(), x.log(), x.sqrt(), x.sin(), x.cos()):
        print(y)
    for y in (x.tanh(), x.sigmoid(), x.relu(), x.abs(), x.sum(), x.mean(), x.clone(), x.sum(0)):
        print(y)
    for y in (x.reshape(2, 1), x[0], x[:1], x.max(), torch.cat([x, x]), torch.stack([x, x])):
        print(y)
    m = torch.ones(2, 2, requires_grad=True)
    print(m @ m, m.T, m.unsqueeze(0), m.mean(1), m.exp().sum(), torch.where(m > 0, m, -m))
    print(m.softmax(1), m.log_softmax(1), m.square(), torch.clamp(m, 0.0, 0.5), m.max(1))


def functions(torch, np):
    x = torch.tensor([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]])
    print(x.max(1).indices, x.min(0).values, x.argmax(), x.argmax(1), x.abs().max())
    print(x.sum(0), x.sum(1, keepdim=True), x.mean(), x.std(), x.var(0), x.prod())
    print(torch.cat([x, x], 1), torch.stack([x, x]).shape, x.flatten(), x.t(), x.view(3, 2))
    print(x @ x.T, x @ torch.ones(3), torch.relu(x), torch.clamp(x, min=0), x.clamp(-1, 1))
    print(torch.where(x > 0, x, torch.zeros_like(x)), x.unsqueeze(1).shape, x[None].squeeze().shape)
    print(x[:, 1], x[..., -1], x[x > 0], x[[1, 0]], x[torch.tensor([0, 0])], x[1, ::2])
    print(
        torch.arange(5),
        torch.linspace(0, 1, 5),
        torch.eye(2),
        torch.full((2,), 7),
        torch.full((1,), 2.5),
    )
    print(
        len(x), x.dim(), x.numel(), x.tolist(), bool(x[0, 0] > 0), [row.sum().item() for row in x]
    )
    print(torch.maximum(x, -x), torch.tensor([1.0]).expand(3), x.permute(1, 0).shape, x.size(0))


def ties(torch, np):
    x = torch.tensor([2.0, 2.0, 1.0], requires_grad=True)
    y = torch.tensor([2.0, 1.0, 3.0], requires_grad=True)
    torch.maximum(x, y).sum().backward()
    print(x.grad, y.grad)
    x.grad = None
    x.max().backward()
    print(x.grad)
    x.grad = None
    x.max(0).values.backward()
    print(x.grad)
    x.grad = None
    x.clamp(1.0, 2.0).sum().backward()
    print(x.grad)
    x.grad = None
    x.abs().sum().backward()
    print(x.grad)


def regression(torch, np):
    xs = torch.linspace(-1, 1, 20)
    ys = 3 * xs + 2
    w = torch.zeros(1, requires_grad=True)
    b = torch.zeros(1, requires_grad=True)
    for epoch in range(30):
        loss = ((w * xs + b - ys) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            w -= 0.3 * w.grad
            b -= 0.3 * b.grad
            w.grad.zero_()
            b.grad.zero_()
        if epoch % 10 == 0:
            print(f"{epoch} {loss.item():.4f}")
    print(f"{w.item():.3f} {b.item():.3f}")


def errors(torch, np):
    x = torch.ones(2, 3, requires_grad=True)
    _said(lambda: x[0, 0].item() and x.item())
    _said(lambda: bool(x > 0))
    _said(lambda: len(torch.tensor(1.0)))
    _said(lambda: torch.ones(2, dtype=torch.int64).add_(1.5))
    _said(lambda: torch.ones(1).add_(torch.ones(3)))
    _said(lambda: torch.tensor([1, 2]).mean())
    y = x * 2
    _said(lambda: setattr(y, "requires_grad", False))
    _said(lambda: torch.ones(2).retain_grad())


def hooks(torch, np):
    x = torch.tensor(2.0, requires_grad=True)
    seen = []
    handle = x.register_hook(lambda g: seen.append(g.item()))
    (x * 3 + x * 4).backward()
    print(seen, x.grad)
    handle.remove()
    with x.register_hook(lambda g: g * 10):
        (x * 3).backward()
    (x * 3).backward()
    print(seen, x.grad)
    x.grad, y = None, x * x
    y.register_hook(lambda g: g + 1)
    y.register_hook(lambda g: g * 2)
    y.retain_grad()
    z = y * 3
    z.backward(retain_graph=True)
    print(y.grad, x.grad)
    print(torch.autograd.grad(z, x, retain_graph=True), torch.autograd.grad(z, y))
    x.grad, y = None, x**3
    y.register_hook(lambda g: g * x)
    (g,) = torch.autograd.grad(y, x, create_graph=True)
    g.backward()
    print(g.item(), x.grad)
    v = torch.tensor([2.0, 3.0], requires_grad=True)
    y = v * v
    y.register_hook(lambda g: g * 2)
    y.mul_(3)
    y.sum().backward()
    print(v.grad)


def hooks_refused(torch, np):
    x = torch.tensor([2.0, 3.0], requires_grad=True)
    _said(lambda: torch.tensor(2.0).register_hook(print))
    for hook in (lambda g: 1.0, lambda g: g[:1], lambda g: g.double()):
        handle = x.register_hook(hook)
        _said((x * 3).sum().backward)
        handle.remove()
        print(x.grad, torch.is_grad_enabled())


def cotangents_given(torch, np):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    for gradient in (torch.tensor([1.0, 2.0], dtype=torch.float64), torch.tensor([1, 2])):
        (x * 2).backward(gradient)
        print(x.grad)
    for gradient in (1.0, [1.0, 2.0], torch.tensor([1.0])):
        _said(lambda gradient=gradient: (x * 2).backward(gradient))
    y = x.sum()
    _said(lambda: torch.autograd.grad([y, y], x, grad_outputs=[torch.tensor(1.0)]))


def generators_without_gradients(torch, np):
    @torch.no_grad()
    def steps():
        for _ in range(2):
            got = yield torch.is_grad_enabled()
            print(got)
        return 5

    run = steps()
    print(next(run), torch.is_grad_enabled(), run.send("sent"), torch.is_grad_enabled())
    _said(lambda: run.throw(ValueError("thrown")))
    print(torch.is_grad_enabled(), list(steps()))


def written_values_are_named(torch, np):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    constant = torch.tensor([3.0, 4.0])
    products = x * constant
    constant[0] = 9.0
    _said(products.sum().backward)
    y = x.exp()
    y += 1
    _said(y.sum().backward)
    y = x * 2
    z = y.sin()
    y.mul_(2)
    _said(z.sum().backward)


def functions_behind(torch, np):
    x = torch.tensor(2.0, requires_grad=True)
    function = (x * 3 + 1).grad_fn
    (product, _), *_ = function.next_functions
    leaf = product.next_functions[0][0]
    print(function.name(), product.name(), leaf.name(), leaf.variable is x)
    v = torch.tensor([[1.0, 2.0]], requires_grad=True)
    print(2**v, v**v, 1 - v, 1 / v, torch.max(v, 0, keepdim=True), v.clamp(min=torch.tensor(1.5)))
    print(v.t().contiguous(), v.contiguous() is v)


def slope_of_sqrt_at_zero(torch, np):
    x = torch.tensor([0.0, 1.0], requires_grad=True)
    torch.where(x > 0, x.sqrt(), torch.tensor(0.0)).sum().backward()
    print(x.grad)
    x = torch.tensor([4.0, 9.0], requires_grad=True)
    (g,) = torch.autograd.grad(x.sqrt().sum(), x, create_graph=True)
    print(g.detach(), torch.autograd.grad(g.sum(), x))


def writes_to_factors_of_a_product(torch, np):
    m = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    for product in (lambda v: m @ v, lambda v: v @ m, lambda v: v @ w, lambda v: torch.max(v, w)):
        v = w * 1
        y = product(v)
        v.mul_(2)
        try:
            y.sum().backward()
        except RuntimeError as error:
            print(str(error)[:90])
    v = w * 1
    print((m @ v).detach(), torch.max(m, 1)[0]._is_view())
