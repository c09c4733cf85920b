"""The service: models answered over HTTP. Nothing of training is imported here, and no science is done here."""
