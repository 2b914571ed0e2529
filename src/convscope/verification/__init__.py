"""Verification of claims about a module with the module itself, by gradients and torch's own counter."""

from convscope.verification.claims import compare
from convscope.verification.probe import Probe
from convscope.verification.result import Check, Verification
from convscope.verification.run import verify

__all__ = ["Check", "Probe", "Verification", "compare", "verify"]
