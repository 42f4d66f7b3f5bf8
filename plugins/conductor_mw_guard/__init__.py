"""Find personal data, secrets and injections, and limit what a request may be."""
