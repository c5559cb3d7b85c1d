"""Where the watches live: due queue, task states, event log, notes. One contract from a script to a fleet."""
