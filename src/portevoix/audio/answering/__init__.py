"""Who answered: people, machines and beeps, busy, information and fax tones, told from a call's first seconds."""
