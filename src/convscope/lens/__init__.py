"""Looking into nets: one file for each picture, arrays first, drawing second."""
