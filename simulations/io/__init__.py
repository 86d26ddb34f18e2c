"""The only part of the simulator that knows files, processes, clocks and machines."""
