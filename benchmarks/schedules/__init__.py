"""Schedules against each other, in virtual time: worlds of tasks, gateways that show them, and who looks when."""
