"""What every service needs once: settings, logs, metrics, health, keys, and one module per outside store."""
