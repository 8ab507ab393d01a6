"""What a fleet of replicas must stand."""
