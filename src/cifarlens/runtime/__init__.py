"""How a stage runs: alone, stoppable, on one device or several; its paths, files and errors."""
