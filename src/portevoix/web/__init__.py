"""What every HTTP door stands on: who asks, the body read within limits, the answer, the log line."""
