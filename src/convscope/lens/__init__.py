"""Figures of what a net has learned: one file for each kind, arrays first, drawing second."""
