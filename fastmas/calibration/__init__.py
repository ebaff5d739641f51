"""The parts of a calibration that `fastmas.calibrate` puts together."""
