"""``dhtctl``: words, exit codes and progress. The only place that prints."""
