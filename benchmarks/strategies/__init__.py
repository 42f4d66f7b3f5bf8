"""What routing strategies gain and cost on recorded outcomes of real models, run by the engine."""
