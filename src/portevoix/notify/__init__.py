"""What leaves the house: webhooks, kept out of private networks, and e-mails."""
