"""LSTM DeepLIFT in Python numbers, one sequence and one reference at a time.

The network is written out as single numbers. Each knows its value for the sequence and for the
reference, and the multiplier of every number that it is computed from: the rules are in
`rescaled`, `product`, `softmax` and `largest`. One walk from an output back to the inputs
multiplies along the ways and adds the ways up.
"""

import itertools
import math

import numpy as np

GATES = "ifgo"
CANDIDATES = 2  # of each side, for the maximum


class Quantity:
    """A number, for the sequence and for the reference, and what it is computed from."""

    def __init__(self, value, reference, sources=()):
        self.value, self.reference = value, reference
        self.sources = sources  # (quantity, multiplier) pairs

    @property
    def change(self):
        return self.value - self.reference


def rescaled(function, derivative, a):
    """Rescale rule: the change of the function over the change of its argument."""
    value, reference = function(a.value), function(a.reference)
    share = (value - reference) / a.change if a.change else derivative(a.value)
    return Quantity(value, reference, [(a, share)])


def linear(terms, constant=0.0):
    """The sum of weight times quantity over ``terms``."""
    value = constant + sum(weight * a.value for weight, a in terms)
    reference = constant + sum(weight * a.reference for weight, a in terms)
    return Quantity(value, reference, [(a, weight) for weight, a in terms])


def product(a, b):
    """The change of a factor, times the mean of the other one for sequence and reference."""
    shares = [(a, (b.value + b.reference) / 2), (b, (a.value + a.reference) / 2)]
    return Quantity(a.value * b.value, a.reference * b.reference, shares)


def largest(quantities):
    """Maximum: a game of the entries that are largest in the sequence and in the reference.

    Their Shapley values are the mean of what they change over all orders of joining.
    """
    values, references = [q.value for q in quantities], [q.reference for q in quantities]
    players = {k for side in (values, references) for k in ranked(side)[:CANDIDATES]}

    def game(joined):
        return max((values if k in joined else references)[k] for k in players)

    credit = dict.fromkeys(players, 0.0)
    orders = [*itertools.permutations(players)]
    for order in orders:
        for i, k in enumerate(order):
            credit[k] += (game(order[: i + 1]) - game(order[:i])) / len(orders)
    changes = {k: quantities[k].change for k in players}
    shares = [
        (quantities[k], credit[k] / change if change else 0.5) for k, change in changes.items()
    ]
    return Quantity(max(values), max(references), shares)


def ranked(values):
    """Indices from the largest to the smallest, the first of equal ones first."""
    return sorted(range(len(values)), key=lambda k: -values[k])


def exponential(a):
    return rescaled(math.exp, math.exp, a)


def softmax(scores):
    total = linear([(1.0, exponential(score)) for score in scores])
    logarithm = rescaled(math.log, lambda s: 1 / s, total)
    return [exponential(linear([(1.0, score), (-1.0, logarithm)])) for score in scores]


def sigmoid(a):
    def function(z):
        return 1 / (1 + math.exp(-z))

    return rescaled(function, lambda z: function(z) * (1 - function(z)), a)


def tanh(a):
    return rescaled(math.tanh, lambda z: 1 - math.tanh(z) ** 2, a)


def relu(a):
    return rescaled(lambda z: max(z, 0.0), lambda z: float(z > 0), a)


def softplus(a):
    return rescaled(lambda z: math.log1p(math.exp(z)), lambda z: 1 / (1 + math.exp(-z)), a)


# ---------------------------------------------------------------- the network


def numbers(tensor):
    return tensor.detach().double().tolist()


def layer_states(layer, inputs):
    """Hidden states of one LSTM layer in one direction; ``inputs[t][j]`` and so are they."""
    weight_ih, weight_hh, bias_ih, bias_hh = map(numbers, layer.lstm.all_weights[0])
    peephole = None if layer.weight_peephole is None else numbers(layer.weight_peephole)
    size = len(weight_hh[0])
    squash = relu if layer.relu else tanh
    h = [Quantity(0.0, 0.0) for _ in range(size)]
    c = [Quantity(0.0, 0.0) for _ in range(size)]
    hidden = []
    for x in inputs:
        before, h_before, h, c = c, h, [], []
        for unit in range(size):
            terms = {}
            for gate, name in enumerate(GATES):
                row = gate * size + unit
                terms[name] = [
                    *zip(weight_ih[row], x, strict=True),
                    *zip(weight_hh[row], h_before, strict=True),
                ]

            def bias(name, unit=unit):
                row = GATES.index(name) * size + unit
                return bias_ih[row] + bias_hh[row]

            if peephole:
                terms["i"].append((peephole[0][unit], before[unit]))
                terms["f"].append((peephole[1][unit], before[unit]))
            i = sigmoid(linear(terms["i"], bias("i")))
            f = sigmoid(linear(terms["f"], bias("f")))
            g = squash(linear(terms["g"], bias("g")))
            c.append(linear([(1.0, product(f, before[unit])), (1.0, product(i, g))]))
            if peephole:
                terms["o"].append((peephole[2][unit], c[unit]))
            o = sigmoid(linear(terms["o"], bias("o")))
            h.append(product(o, squash(c[unit])))
        hidden.append(h)
    return hidden


def stack_states(stack, inputs):
    """Hidden states of the last layer, forward units first; one list per layer and direction."""
    for k, forward_layer in enumerate(stack.forward_layers):
        hidden = layer_states(forward_layer, inputs)
        if stack.bidirectional:
            backward = layer_states(stack.backward_layers[k], inputs[::-1])[::-1]
            hidden = [h + b for h, b in zip(hidden, backward, strict=True)]
        inputs = hidden
    return inputs


def pooled(network, hidden, inputs):
    pooling, size = network.pooling, network.recurrent.hidden_size
    features = []
    for name in pooling.poolings:
        if name == "last":
            features += hidden[-1][:size] + hidden[0][size:]
            continue
        if name == "attention":
            [weight] = numbers(pooling.score.weight)
            shares = softmax([linear([*zip(weight, h, strict=True)]) for h in hidden])
        for steps in zip(*hidden, strict=True):  # all steps of one unit
            if name == "mean":
                features.append(linear([(1 / len(steps), h) for h in steps]))
            elif name == "max":
                features.append(largest(steps))
            else:
                parts = [product(p, h) for p, h in zip(shares, steps, strict=True)]
                features.append(linear([(1.0, part) for part in parts]))
    if "input" in network.architecture["pooling"]:
        features += inputs[-1]
    return features


def in_order(raw, quantiles):
    """Quantiles of each target, from the median and the gaps on both sides of it."""
    n, median = len(quantiles), quantiles.index(0.5)
    outputs = []
    for start in range(0, len(raw), n):
        own = raw[start : start + n]
        for j in range(n):
            inner = range(j, median) if j < median else range(median + 1, j + 1)
            sign = -1.0 if j < median else 1.0
            outputs.append(linear([(1.0, own[median]), *((sign, softplus(own[k])) for k in inner)]))
    return outputs


def outputs_of(network, features):
    weight, bias = numbers(network.head.weight), numbers(network.head.bias)
    raw = [
        linear([*zip(row, features, strict=True)], b) for row, b in zip(weight, bias, strict=True)
    ]
    if network.order is not None:
        raw = in_order(raw, network.order.quantiles)
    scale, mean = numbers(network.y_scale), numbers(network.y_mean)
    return [linear([(s, a)], m) for a, s, m in zip(raw, scale, mean, strict=True)]


def responses_of(outputs, weight, link):
    if link == "sigmoid":
        outputs = [sigmoid(a) for a in outputs]
    elif link == "softmax":
        outputs = softmax(outputs)
    return [linear([*zip(row, outputs, strict=True)]) for row in weight]


def read(network, x):
    """What the first layer reads: standardised inputs, or the vector of each code."""
    if network.embedding is None:
        mean, scale = numbers(network.x_mean), numbers(network.x_scale)
        return [[(v - m) / s for v, m, s in zip(step, mean, scale, strict=True)] for step in x]
    vectors = numbers(network.embedding.weight)
    unseen = [0.0] * len(vectors[0])
    return [vectors[int(code)] if code < len(vectors) else unseen for [code] in x]


def multipliers_of(response):
    """Multiplier of every quantity that the response depends on, by identity."""
    order, seen = [], set()

    def visit(quantity):  # sources before what is computed from them
        waiting = [(quantity, iter(quantity.sources))]
        seen.add(id(quantity))
        while waiting:
            current, sources = waiting[-1]
            for source, _ in sources:
                if id(source) not in seen:
                    seen.add(id(source))
                    waiting.append((source, iter(source.sources)))
                    break
            else:
                order.append(current)
                waiting.pop()

    visit(response)
    total = dict.fromkeys(seen, 0.0)
    total[id(response)] = 1.0
    for quantity in reversed(order):
        for source, share in quantity.sources:
            total[id(source)] += share * total[id(quantity)]
    return total


def slow_contributions(network, x, reference, weight, link=None):
    """Contributions of the cells of one sequence against one reference.

    Parameters
    ----------
    network : LSTMNetwork
    x, reference : array of shape (n_timesteps, n_features)
    weight : array of shape (n_responses, n_outputs)
    link : {None, "sigmoid", "softmax"}

    Returns
    -------
    contributions : array of shape (n_responses, n_timesteps, n_features)
    change : array of shape (n_responses,)
        Difference of the responses.
    """
    inputs = [
        [Quantity(value, other) for value, other in zip(*steps, strict=True)]
        for steps in zip(read(network, x), read(network, reference), strict=True)
    ]
    hidden = stack_states(network.recurrent, inputs)
    # With one output per step: the responses of the first step, then those of the second...
    groups = hidden if network.pooling is None else [pooled(network, hidden, inputs)]
    responses = [
        response
        for features in groups
        for response in responses_of(outputs_of(network, features), weight, link)
    ]
    contributions = []
    for response in responses:
        total = multipliers_of(response)
        cells = [[total.get(id(q), 0.0) * q.change for q in step] for step in inputs]
        if network.embedding is not None:
            cells = [[sum(step)] for step in cells]
        contributions.append(cells)
    return np.array(contributions), np.array([response.change for response in responses])
