"""The core: reads, ops, graphs and nets. Numpy only; knows no framework and no concrete op."""
