"""FILE_CHECK: the number in a track_file decides (keepalived.conf(5), Track files).

    weight 0       a number other than 0 fails (0, if it is `reverse`)
    other weights  the product is added to the server's weight; at -2147483648 and below it fails

A file that is not there, or holds no number, counts as 0.  Whoever watches the file has the check run when the number
changes; there is nothing to try again.
"""

from functools import partial

from labkit.checks.target import Target
from labkit.conf.model_balancing import FileCheck
from labkit.lvs.check import Result

_FAULT = -(2**31)


async def check(spec: FileCheck, target: Target) -> Result:
    """Judge the number that the file held last."""
    value = target.values.get(spec.file, 0)
    result = partial(Result, final=True)
    detail = f"{value} in {spec.file}"
    if spec.weight == 0:
        return result(ok=(value == 0) != spec.reverse, detail=detail)
    product = value * spec.weight * (-1 if spec.reverse else 1)
    if product <= _FAULT:
        return result(ok=False, detail=f"{detail}, {product} with its weight")
    return result(ok=True, detail=detail, weight=target.weight + product)
