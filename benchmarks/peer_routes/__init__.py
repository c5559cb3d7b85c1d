"""The race against other clients' own waiting code: who runs, on which routes, in which process. No logic here."""
