"""What every performance figure of Portevoix comes from: ``python -m bench``."""
