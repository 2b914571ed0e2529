"""Looking into nets: one file for each kind of figure, arrays first, drawing second."""
