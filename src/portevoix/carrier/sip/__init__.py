"""Real calls over SIP trunks: signalling and media in processes of their own, the ``Carrier`` port in front."""
