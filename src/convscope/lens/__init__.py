"""Looking into nets: one file for each image, arrays first, drawing second."""
