"""The deeds: ``cli.actions.<verb>`` has ``run(context)``, plain or async, giving an exit code."""
