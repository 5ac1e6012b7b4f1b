"""Checks that users may run on their own ops."""

from framework.testing.gradcheck import check_gradients, check_op

__all__ = ["check_gradients", "check_op"]
