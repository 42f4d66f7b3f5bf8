"""Count what agents do, and show it in the terminal, Prometheus and OpenTelemetry."""
