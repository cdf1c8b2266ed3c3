"""HTTP in: takes runs from camera traps, makes them durable in a local spool, and forwards them to the stores."""
