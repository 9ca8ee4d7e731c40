"""The same SAE and tokens through SAEDashboard, in an environment of its own."""
