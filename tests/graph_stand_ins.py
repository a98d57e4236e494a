"""Stand-ins for CUDA graphs without a GPU, which overwrite their memory as a graph does."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Captures:
    """Stands for `torch.cuda.make_graphed_callables`: counts, and keeps results in fixed memory."""

    def __init__(self):
        self.count = 0

    def __call__(self, run, samples, allow_unused_input):
        self.count += 1
        assert allow_unused_input
        learnt = [sample.requires_grad for sample in samples]
        memory = [value.detach().clone() for value in run(*samples)]
        gradients = [torch.zeros_like(sample) for sample in samples]

        class Replay(torch.autograd.Function):
            @staticmethod
            def forward(ctx, *values):
                for sample, value in zip(samples, values, strict=True):
                    sample.data.copy_(value)
                with torch.enable_grad():
                    values = run(*samples)
                for kept, value in zip(memory, values, strict=True):
                    kept.copy_(value.detach())
                return tuple(kept.detach() for kept in memory)

            @staticmethod
            def backward(ctx, *grads):
                with torch.enable_grad():
                    inputs = [sample.detach().clone() for sample in samples]
                    wanted = [t.requires_grad_() for t, k in zip(inputs, learnt, strict=True) if k]
                    pairs = zip(run(*inputs), grads, strict=True)
                    outputs, seeds = zip(
                        *((o, g) for o, g in pairs if o.requires_grad), strict=True
                    )
                    found = torch.autograd.grad(outputs, wanted, seeds, allow_unused=True)
                kept = [memory for memory, known in zip(gradients, learnt, strict=True) if known]
                for memory, value in zip(kept, found, strict=True):
                    memory.copy_(value)
                return tuple(g if k else None for g, k in zip(gradients, learnt, strict=True))

        return Replay.apply


class Recording:
    """Stands for `torch.cuda.CUDAGraph`: repeats the operations of a capture in its memory."""

    made = 0

    def __init__(self):
        self.generators, self.operations = [], []

    def register_generator_state(self, generator):
        self.generators.append(generator._cdata)

    def replay(self):
        for function, args, kwargs, kept in self.operations:
            for old, new in zip(kept, tree_leaves(function(*args, **kwargs)), strict=True):
                if torch.is_tensor(old) and old.data_ptr() != new.data_ptr():  # not a view
                    old.copy_(new)


class Record(TorchDispatchMode):
    """Stands for `torch.cuda.graph`."""

    def __init__(self, graph):
        super().__init__()
        self.graph = graph
        Recording.made += 1

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if kwargs.get("generator") is not None:
            assert kwargs["generator"]._cdata in self.graph.generators
        result = function(*args, **kwargs)
        self.graph.operations.append((function, args, kwargs, tree_leaves(result)))
        return result
