"""Which parameters are kernels, and how do they lie in memory? For training, which needs all of them at once."""

import jax
import jax.numpy as jnp


def penalty(params):
    """The sum of all kernels' absolute values, at any depth of the tree."""
    return sum(jnp.abs(leaf).sum() for path, leaf in jax.tree_util.tree_leaves_with_path(params) if _is_kernel(path))


def transposed(tree):
    """Every kernel of the weights, or of an optimiser's state, as units × inputs, or back.

    With a seeds axis in front, the kernels of all seeds are one matrix in memory, (seeds · units) × inputs. A batch
    that all seeds share then passes through them in one product, without a copy.
    """
    return jax.tree_util.tree_map_with_path(lambda path, leaf: leaf.T if _is_kernel(path) else leaf, tree)


def transpose_output_gradient(call, arguments, options, context):
    """A flax interceptor. Where every network has its own batch, a kernel's gradient is one product per network.

    XLA's fast product on a CPU takes that of a dense layer if the gradient of the layer's output lies in memory as
    units × examples.
    """
    outputs = call(*arguments, **options)
    kernel = context.module.variables.get("params", {}).get("kernel")
    is_dense = context.method_name == "__call__" and kernel is not None and kernel.ndim == 2
    return _transposed_backward(outputs) if is_dense else outputs


def _is_kernel(path) -> bool:
    return getattr(path[-1], "key", None) == "kernel"


@jax.custom_vjp
def _transposed_backward(x):
    return x


def _transposed_in_memory(_, gradient):
    # Without the barrier, XLA folds the two transpositions into one of nothing.
    return (jax.lax.optimization_barrier(gradient.T).T,)


_transposed_backward.defvjp(lambda x: (x, None), _transposed_in_memory)
